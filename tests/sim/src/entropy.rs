//! Time and randomness of a thread that simulates.
//!
//! Fed with a seed, and by the runtime's stopped clock; feeds everything on the
//! thread that asks the operating system what time it is, or for random bytes:
//! identifiers, jitter, the order in which a hash map is walked and a `select!` looks
//! at its branches. Guarantees that of all this nothing is left to chance: the two
//! functions of the C library stand here in place of its own. Other threads get what
//! the kernel says.

#![allow(unsafe_code, reason = "a function of the C library is replaced by an unmangled one")]

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// What the clocks show when a simulation begins, in seconds.
const MONOTONIC_BASE: i64 = 1_000_000;
const WALL_BASE: i64 = 1_800_000_000;
/// Linux's number of the wall clock.
const CLOCK_REALTIME: i32 = 0;

thread_local! {
    static RANDOM_STATE: Cell<Option<u64>> = const { Cell::new(None) };
    static SIMULATION_START: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// While it lives, this thread's randomness follows from a seed, and its time is its
/// own. What the thread does as it ends is not part of the simulation.
pub struct Seeded(());

impl Seeded {
    pub fn with(seed: u64) -> Self {
        RANDOM_STATE.set(Some(seed));
        Self(())
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        SIMULATION_START.set(None);
        RANDOM_STATE.set(None);
    }
}

/// From now on this thread's time is that of the runtime it runs, whose clock is
/// stopped.
pub fn follow_runtime() {
    SIMULATION_START.set(Some(Instant::now()));
}

/// The next number of this thread's randomness.
pub fn next() -> u64 {
    let state = RANDOM_STATE.get().unwrap_or_default().wrapping_add(0x9e37_79b9_7f4a_7c15);
    RANDOM_STATE.set(Some(state));
    let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number below `limit`.
pub fn below(limit: usize) -> usize {
    (next() % limit.max(1) as u64) as usize
}

/// True in so many of a hundred cases.
pub fn percent(chance: usize) -> bool {
    below(100) < chance
}

/// A span of whole milliseconds between two, both included.
pub fn millis(from: u64, to: u64) -> Duration {
    Duration::from_millis(from + next() % (to - from + 1))
}

/// How long this simulation has gone on.
pub fn elapsed() -> Duration {
    // While the runtime's clock reads the thread's there is nothing to follow.
    let Some(begun) = SIMULATION_START.take() else { return Duration::ZERO };
    let elapsed = begun.elapsed();
    SIMULATION_START.set(Some(begun));
    elapsed
}

/// The C library's.
#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// Stands in place of the C library's function.
///
/// # Safety
///
/// `to` points to `length` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(to: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller says so.
    let bytes = unsafe { std::slice::from_raw_parts_mut(to, length) };
    if RANDOM_STATE.try_with(Cell::get).ok().flatten().is_some() {
        for chunk in bytes.chunks_mut(8) {
            let random = next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        return length.cast_signed();
    }
    match rustix::rand::getrandom(bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(read) => read.cast_signed(),
        Err(_) => -1,
    }
}

/// Stands in place of the C library's function.
///
/// # Safety
///
/// `to` points to a [`Timespec`] that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: i32, to: *mut Timespec) -> i32 {
    let now = if RANDOM_STATE.try_with(Cell::get).ok().flatten().is_some() {
        let elapsed = elapsed();
        let base = if clock == CLOCK_REALTIME { WALL_BASE } else { MONOTONIC_BASE };
        let seconds = base + elapsed.as_secs().cast_signed();
        Timespec { seconds, nanoseconds: elapsed.subsec_nanos().into() }
    } else {
        let id = if clock == CLOCK_REALTIME {
            rustix::time::ClockId::Realtime
        } else {
            rustix::time::ClockId::Monotonic
        };
        let now = rustix::time::clock_gettime(id);
        Timespec { seconds: now.tv_sec, nanoseconds: now.tv_nsec }
    };
    // SAFETY: the caller says so.
    unsafe { to.write(now) };
    0
}
