//! Holds that a receiver asked for, and what comes after.

use super::*;

#[test]
fn what_was_held_resumes_by_one_attempt() {
    let mut scheduler = ready();
    let key = subscription("main", 1).key();
    scheduler.hold_until(&key, at(2000), at(1));
    assert_eq!(scheduler.admits(&key, 10, at(1)), None, "as the owner before was asked");
    let held: Vec<_> = (1..=3).map(|n| scheduled("main", n)).collect();
    scheduler.add(held.clone(), at(1990));
    assert!(sent(&scheduler.poll(at(1990))).is_empty());
    let actions = scheduler.poll(at(2000));
    let first = sent(&actions);
    assert_eq!((first.len(), actions.release.len()), (1, 2), "one goes first");
    scheduler.confirm_return(&actions.release);
    assert!(sent(&scheduler.poll(at(2500))).is_empty());
    let (one, others): (Vec<_>, Vec<_>) =
        held.into_iter().partition(|scheduled| scheduled.delivery.id == first[0]);
    conclude(&mut scheduler, &one[0], &success(), at(2600));
    scheduler.add(others, at(2600));
    assert_eq!(sent(&scheduler.poll(at(2600))).len(), 2);
}
