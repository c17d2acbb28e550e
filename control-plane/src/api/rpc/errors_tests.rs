//! What callers are told of an error.

use crate::api::rpc::errors::*;

#[test]
fn every_violation_is_told() {
    let mut violations = FieldViolations::default();
    violations.add("a", "is missing");
    assert_eq!(violations.keep("b", "7".parse::<u8>()), Some(7));
    assert_eq!(violations.keep("c", "x".parse::<u8>()), None);
    let status = violations.check().unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let refused = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = refused.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["a", "c"]);
    assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_REQUEST");
    assert_eq!(status.get_details_error_info().unwrap().domain, "postrider");
}

#[test]
fn a_forgotten_violation_is_refused_all_the_same() {
    assert!(FieldViolations::default().finish::<u8>(None).is_err());
    assert_eq!(FieldViolations::default().finish(Some(1)).unwrap(), 1);
}

#[test]
fn what_passes_says_when_and_keeps_the_databases_words_to_itself() {
    let status = store(StoreError::Unavailable("host=secret".into()));
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert!(!status.message().contains("secret"));
    assert!(std::error::Error::source(&status).unwrap().to_string().contains("secret"));
}

#[test]
fn only_data_that_is_refused_blames_the_caller() {
    let refused = store(StoreError::Rejected("NUL".into()));
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "DATA_REFUSED");
    let text = || "permission denied".to_owned();
    let all = [StoreError::Unavailable(text()), StoreError::Faulty(text())];
    for error in all.into_iter().chain([StoreError::Corrupt(text())]) {
        let status = write(WriteError::Store(error), ResourceKind::Tenant, &"tenants/a");
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.get_details_error_info().unwrap().reason, "STORE_UNAVAILABLE");
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
        assert!(!status.message().contains("denied"));
    }
}

#[test]
fn an_error_in_an_answer_keeps_its_details() {
    let proto = to_proto(&not_found(ResourceKind::Tenant, &"tenants/a"));
    assert_eq!(proto.code, i32::from(Code::NotFound));
    assert_eq!(proto.details.len(), 2);
    let bare = to_proto(&Status::internal("x"));
    assert_eq!((bare.code, bare.message.as_str()), (13, "x"));
}

#[test]
fn what_is_told_is_bounded() {
    let mut violations = FieldViolations::default();
    (0..1000).for_each(|n| violations.add(format!("f[{n}]"), "is wrong"));
    let refused = violations.check().unwrap_err().get_details_bad_request().unwrap();
    assert_eq!(refused.field_violations.len(), MAX_VIOLATIONS + 1);
    assert!(refused.field_violations.last().unwrap().description.starts_with("968 more"));
}

#[test]
fn long_messages_end_at_a_character() {
    let status = invalid("f", "é".repeat(2000));
    assert!(status.message().len() < 1100);
}
