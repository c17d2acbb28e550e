//! Returns attempts that were never sent to the table.
//!
//! Fed by the dispatcher, which collects them; feeds the store, then the scheduler.
//! Guarantees that an attempt which could not be returned is kept and returned later.

use std::sync::Arc;

use postrider_store::{FirstFault, Store, StoreResult};

use super::faults::BatchBisection;
use crate::clock::Clock;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

/// Most attempts returned in one call: a long queue that is returned at once must not make
/// publishers wait for its commit. Chosen, not measured: about two commits of events.
const MAX_ATTEMPTS_PER_RELEASE: usize = 1000;

/// Returns unsent attempts. Cheap to clone.
#[derive(Clone)]
pub struct UnsentReturner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
}

impl UnsentReturner {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            dispatcher: context.dispatcher.clone(),
        }
    }

    /// Returns attempts that were never sent to the table; how many.
    pub async fn return_unsent(&self) -> StoreResult<usize> {
        let mut faults = FirstFault::default();
        let mut returned = 0;
        let mut keys = self.dispatcher.take_unsent();
        while !keys.is_empty() {
            let later = keys.split_off(keys.len().min(MAX_ATTEMPTS_PER_RELEASE));
            let mut bisection = BatchBisection::new(keys);
            while let Some(part) = bisection.next() {
                match self.store.release(&part, self.clock.now()).await {
                    Ok(()) => {
                        returned += part.len();
                        self.dispatcher.update(|scheduler, _| scheduler.confirm_return(&part));
                    }
                    Err(error) => bisection.note_refused(part, error),
                }
            }
            let (left, fault) = bisection.into_untaken();
            self.dispatcher.put_back_unsent(left);
            if let Err(error) = faults.keep(fault.map_or(Ok(()), Err)) {
                self.dispatcher.put_back_unsent(later);
                return Err(error);
            }
            keys = later;
        }
        faults.into_result().map(|()| returned)
    }
}
