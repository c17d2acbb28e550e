//! What it costs to find out who calls.
//!
//! Fed by options; feeds a table for each engine. Guarantees two Postriders of one kind on
//! the same engine, of which one asks nobody for a credential; that they are published to
//! in turns within one run, with the same payloads, to the same kind of receiver; and that
//! every ratio is of the two measurements at the open door around it: a machine that
//! somebody else uses for a while slows both.
//!
//! - `credentials`: the token, the JWT and its issuer.

mod credentials;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;

use self::credentials::{JwtIssuer, create_token};
use crate::load::{Load, Mode, Target};
use crate::options::Options;
use crate::receiver::Scheme;
use crate::rig::{CONTROL_PLANE, Rig, access};
use crate::table::{Figures, Table, Target as Goal};
use crate::throughput::{DRAIN_LIMIT, WARM_UP_RUNS, chosen, per_second};

const RECEIVER_GROUP: &str = "authentication";
const AUTHENTICATION_MODES: [Mode; 2] = [Mode::Unary { in_flight: 64 }, Mode::Stream];
/// The control plane's door of callers, open to anybody.
const OPEN_SETTINGS: &str = "[server]\ninsecure_no_auth = true\n";
/// What a token's check may add to a unary publish.
const RATIO_GOAL: f64 = 1.03;

/// As whom events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallerKind {
    /// Shows a token as well, at which the open door does not look: messages are alike.
    Anybody,
    Token,
    Jwt,
}

impl CallerKind {
    const ALL: [Self; 3] = [Self::Anybody, Self::Token, Self::Jwt];

    const fn name(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Token => "a token",
            Self::Jwt => "a JWT",
        }
    }
}

/// What one run of one caller gave.
struct CallerRun {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// Processor microseconds of the control plane for each event, its delivery included.
    control_plane: f64,
}

/// Figures of one caller, over all runs.
#[derive(Default)]
struct CallerRow {
    per_second: Figures,
    p50: Figures,
    p99: Figures,
    control_plane: Figures,
    /// Of the control plane's time, to the open door's; the open door's own is its second
    /// measurement of a run to its first.
    ratio: Figures,
}

impl CallerRow {
    fn add(&mut self, run: &CallerRun) {
        self.per_second.push(run.per_second);
        self.p50.push(run.p50);
        self.p99.push(run.p99);
        self.control_plane.push(run.control_plane);
    }
}

/// Figures of one way to publish.
#[derive(Default)]
struct CallerRows {
    anybody: CallerRow,
    token: CallerRow,
    jwt: CallerRow,
}

impl CallerRows {
    fn of(&self, kind: CallerKind) -> &CallerRow {
        match kind {
            CallerKind::Anybody => &self.anybody,
            CallerKind::Token => &self.token,
            CallerKind::Jwt => &self.jwt,
        }
    }

    fn of_mut(&mut self, kind: CallerKind) -> &mut CallerRow {
        match kind {
            CallerKind::Anybody => &mut self.anybody,
            CallerKind::Token => &mut self.token,
            CallerKind::Jwt => &mut self.jwt,
        }
    }
}

/// A whole Postrider and what is published to it.
struct CallersDoor {
    rig: Rig,
    target: Target,
}

impl CallersDoor {
    async fn open(engine: Engine, settings: &str) -> Result<Self> {
        let (rig, target) =
            Rig::subscribed(engine, Scheme::Https, RECEIVER_GROUP, settings).await?;
        Ok(Self { rig, target })
    }

    /// Another publisher, who shows this.
    async fn publisher(&self, credential: String) -> Result<Load> {
        let access = access(&self.rig.cluster)?.with_credential(credential);
        Load::start(&access, self.rig.cluster.folder()).await
    }
}

/// Both doors, and a publisher of each kind. Fields are dropped in this order: publishers
/// before what they call, and the issuer's file last.
struct AuthenticationRig {
    anybody: Load,
    token: Load,
    jwt: Load,
    open: CallersDoor,
    strict: CallersDoor,
    _issuer: JwtIssuer,
}

impl AuthenticationRig {
    async fn start(engine: Engine) -> Result<Self> {
        let issuer = JwtIssuer::create()?;
        let open = Box::pin(CallersDoor::open(engine, OPEN_SETTINGS)).await?;
        let mut strict = Box::pin(CallersDoor::open(engine, &issuer.settings())).await?;
        let token = create_token(&mut strict.rig.api, &strict.target.tenant).await?;
        Ok(Self {
            anybody: open.rig.another_load().await?,
            token: strict.publisher(token).await?,
            jwt: strict.publisher(issuer.jwt()).await?,
            open,
            strict,
            _issuer: issuer,
        })
    }

    fn pick(&mut self, kind: CallerKind) -> (&mut Load, &mut CallersDoor) {
        match kind {
            CallerKind::Anybody => (&mut self.anybody, &mut self.open),
            CallerKind::Token => (&mut self.token, &mut self.strict),
            CallerKind::Jwt => (&mut self.jwt, &mut self.strict),
        }
    }

    /// Both databases get as many events, here and in each run.
    async fn warm_up(&mut self, events: u64) -> Result<()> {
        let events = events.saturating_mul(WARM_UP_RUNS).div_ceil(2);
        for kind in [CallerKind::Anybody, CallerKind::Token, CallerKind::Jwt, CallerKind::Anybody] {
            self.publish(kind, Mode::Batch, events).await.with_context(|| kind.name())?;
        }
        Ok(())
    }

    /// Measures one way to publish: the open door first and last, and who shows a token
    /// takes turns at being second with who shows a JWT.
    async fn run(
        &mut self,
        mode: Mode,
        events: u64,
        number: usize,
        rows: &mut CallerRows,
    ) -> Result<()> {
        let mut between = [CallerKind::Token, CallerKind::Jwt];
        if number.is_multiple_of(2) {
            between.reverse();
        }
        let first = self.publish(CallerKind::Anybody, mode, events).await?;
        let mut others = Vec::new();
        for kind in between {
            others.push((kind, self.publish(kind, mode, events).await?));
        }
        let last = self.publish(CallerKind::Anybody, mode, events).await?;
        let open = f64::midpoint(first.control_plane, last.control_plane);
        for (kind, run) in others {
            let row = rows.of_mut(kind);
            row.add(&run);
            row.ratio.push(run.control_plane / open);
        }
        rows.anybody.add(&first);
        rows.anybody.add(&last);
        rows.anybody.ratio.push(last.control_plane / first.control_plane);
        Ok(())
    }

    async fn publish(&mut self, kind: CallerKind, mode: Mode, events: u64) -> Result<CallerRun> {
        let (load, CallersDoor { rig, target }) = self.pick(kind);
        rig.checkpoint().await?;
        rig.quiet().await?;
        rig.receiver.reset(RECEIVER_GROUP).await?;
        let before = rig.processes.cpu_seconds()?;
        let published = load.publish(target, mode, events).await?;
        rig.receiver.wait(RECEIVER_GROUP, events, DRAIN_LIMIT).await?;
        // Results are recorded after their webhooks; they belong to the cost.
        rig.quiet().await?;
        let used = rig.processes.cpu_seconds()?.since(&before);
        Ok(CallerRun {
            per_second: per_second(events, published.started_ns, published.ended_ns),
            p50: published.answered.p50,
            p99: published.answered.p99,
            control_plane: used.of(CONTROL_PLANE) * 1e6 / events as f64,
        })
    }
}

pub async fn section(options: &Options) -> Result<()> {
    let modes = chosen(options, &AUTHENTICATION_MODES, Scheme::Https);
    if modes.is_empty() {
        return Ok(());
    }
    // Small, it only has to run, and the check is the same on either engine.
    let all = options.engines.len();
    for engine in options.engines.iter().take(options.scale.pick(1, all, all)) {
        let measured = Box::pin(measure(options, *engine, &modes)).await;
        measured.with_context(|| format!("{engine:?}"))?;
    }
    Ok(())
}

async fn measure(options: &Options, engine: Engine, modes: &[Mode]) -> Result<()> {
    let mut doors = Box::pin(AuthenticationRig::start(engine)).await?;
    doors.warm_up(options.events).await.context("warm")?;
    let mut rows: Vec<CallerRows> = modes.iter().map(|_| CallerRows::default()).collect();
    for number in 1..=options.runs {
        eprintln!("authentication, {engine:?}, run {number}");
        for (mode, rows) in modes.iter().zip(&mut rows) {
            doors.run(*mode, options.events, number, rows).await?;
        }
    }
    print(engine, modes, &rows);
    Ok(())
}

/// What is to be reached: by a token's check, in a unary publish.
fn goal(mode: Mode, kind: CallerKind) -> Option<Goal> {
    let wanted = matches!(mode, Mode::Unary { .. }) && kind == CallerKind::Token;
    wanted.then_some(Goal::AtMost(RATIO_GOAL))
}

fn print(engine: Engine, modes: &[Mode], rows: &[CallerRows]) {
    let mut table = Table::new(&[
        "publish, as whom",
        "published/s",
        "p50 ms",
        "p99 ms",
        "control plane, µs an event",
        "÷ anybody's",
        "target",
    ]);
    for (mode, rows) in modes.iter().zip(rows) {
        for kind in CallerKind::ALL {
            let row = rows.of(kind);
            table.row([
                format!("{}, {}", mode.name(), kind.name()),
                row.per_second.show(0),
                row.p50.show(2),
                row.p99.show(2),
                row.control_plane.show(1),
                row.ratio.show(3),
                Goal::show(goal(*mode, kind), row.ratio.median()),
            ]);
        }
    }
    table.print(&format!("Authentication, {engine:?}, https"));
}
