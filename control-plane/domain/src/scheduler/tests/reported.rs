//! Whose an attempt is of which a result comes.

use super::*;

const OTHER_STREAM: StreamId = StreamId(2);

fn is_theirs(scheduler: &mut Scheduler, key: AttemptKey, reporter: &AgentIdentity) -> bool {
    let looked_at = scheduler.reported_attempt(key, reporter);
    let begun = scheduler.begin_conclusion(key, Some(reporter));
    assert_eq!(
        std::mem::discriminant(&looked_at),
        std::mem::discriminant(&begun),
        "{looked_at:?}, {begun:?}"
    );
    assert!(!matches!(begun, ReportedAttempt::NotInMemory), "it is in memory");
    matches!(begun, ReportedAttempt::Theirs(_))
}

#[test]
fn who_gave_an_attempt_back_does_not_conclude_it() {
    let mut scheduler = ready();
    let one = publish(&mut scheduler, 1, at(1));
    let key = one.delivery.current_attempt();
    assert_eq!(sent(&scheduler.poll(at(1))), [one.delivery.id]);
    scheduler.suspend(FIRST_STREAM, true);
    scheduler.returned(FIRST_STREAM, &[key], false, at(2));
    assert!(!is_theirs(&mut scheduler, key, &identity(1)), "it waits to be sent");

    scheduler.stream_opened(OTHER_STREAM, identity(2), region(), &[], at(2));
    scheduler.credit(OTHER_STREAM, 1000, 1_000_000, 1000);
    assert_eq!(sent(&scheduler.poll(at(2))), [one.delivery.id]);
    assert!(!is_theirs(&mut scheduler, key, &identity(1)), "another makes it");
    assert!(is_theirs(&mut scheduler, key, &identity(2)));
    assert!(!is_theirs(&mut scheduler, key, &identity(1)), "the other's result is recorded");
    assert!(is_theirs(&mut scheduler, key, &identity(2)), "it may be told twice");
}

#[test]
fn what_memory_does_not_know_the_table_may() {
    let mut scheduler = ready();
    let one = publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    let later = AttemptKey { number: 2, ..one.delivery.current_attempt() };
    let unknown = scheduled("main", 9).delivery.current_attempt();
    for key in [later, unknown] {
        let reported = scheduler.begin_conclusion(key, Some(&identity(1)));
        assert!(matches!(reported, ReportedAttempt::NotInMemory), "{reported:?}");
    }
}

#[test]
fn after_a_take_over_every_agent_that_was_assigned_it_is_believed() {
    let mut scheduler = ready();
    let one = scheduled("main", 1);
    let adopted = ScheduledDelivery { delivery: one.delivery.clone(), event: None };
    scheduler.adopt(Arc::new(adopted), identity(1), at(1));
    for reporter in [identity(2), identity(1)] {
        assert!(is_theirs(&mut scheduler, one.delivery.current_attempt(), &reporter));
    }
}
