//! What only fails rests between its attempts.

use super::*;

#[test]
fn an_endpoint_that_only_fails_is_tried_ten_times_a_second_and_keeps_its_queue() {
    let mut scheduler = ready();
    let failure = AttemptFeedback {
        outcome: Outcome::ConnectFailed,
        transition: DeliveryTransition::Retry { due: at(1_000_000), failures: 1 },
        ..success()
    };
    for n in 0..100 {
        let one = publish(&mut scheduler, n, at(1));
        assert_eq!(sent(&scheduler.poll(at(1))), [one.delivery.id], "no rest before 100 failed");
        conclude(&mut scheduler, &one, &failure, at(1));
    }
    let [last, first, second] = [100, 101, 102].map(|n| publish(&mut scheduler, n, at(1)));
    assert_eq!(sent(&scheduler.poll(at(1))), [last.delivery.id], "the window has shrunk to 1");
    conclude(&mut scheduler, &last, &failure, at(1));
    let key = subscription("main", 1).key();
    assert_eq!(scheduler.admits(&key, 10, at(2)), None, "what is new waits in the table");
    let resting = scheduler.poll(at(2));
    assert!(sent(&resting).is_empty() && resting.release.is_empty());
    assert_eq!(resting.wake, Some(at(101)));
    assert_eq!(sent(&scheduler.poll(at(101))), [first.delivery.id]);
    conclude(&mut scheduler, &first, &success(), at(102));
    assert_eq!(sent(&scheduler.poll(at(102))), [second.delivery.id], "one success ends the rest");
}
