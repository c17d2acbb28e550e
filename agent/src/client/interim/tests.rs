//! Tests of `interim`.

use super::*;

/// The shape that the head watch gives for these bytes, read so many at a time.
fn shape(bytes: &[u8], at_a_time: usize) -> Result<Option<HeadShape>, InterimFlood> {
    let mut watch = Http1HeadScanner::default();
    for piece in bytes.chunks(at_a_time) {
        if let Some(shape) = watch.scan(piece, 1)? {
            return Ok(Some(shape));
        }
    }
    Ok(None)
}

const EARLY_HINT: &[u8] = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";

#[test]
fn the_final_head_is_told_however_it_is_cut() {
    let folded = b"\r\nHTTP/1.1 200 OK\r\na: 1\r\n  2\r\nb: 3\r\n\r\nHTTP/1.1 100 \r\n";
    let text = [EARLY_HINT, EARLY_HINT, folded].concat();
    for at_a_time in [1, 2, 3, 7, 30, 1000] {
        let wanted = HeadShape { status: 200, lines: 2, folded: true };
        assert_eq!(shape(&text, at_a_time), Ok(Some(wanted)), "{at_a_time}");
    }
    let status = |text: &[u8]| shape(text, 4).unwrap().unwrap().status;
    assert_eq!(status(b"HTTP/1.1 204 \n\n"), 204);
    assert_eq!(status(b"HTTP/1.0 101 x\r\n\r\n"), 101);
    for other in ["ICY 200 OK\n\n", "HTTP/2.0 200\n\n", "HTTP/1.1 2x0\n\n", "SSH-2.0\n\n"] {
        assert_eq!(status(other.as_bytes()), 0, "{other}");
    }
    assert_eq!(shape(b"HTTP/1.1 200 OK\r\na: 1\r\n", 4), Ok(None));
}

#[test]
fn an_unusually_long_head_is_told_before_its_end() {
    let head = |lines: u32| {
        let lines = (0..lines).map(|line| format!("x-{line}: 1\r\n"));
        format!("HTTP/1.1 201 Created\r\n{}", lines.collect::<String>())
    };
    assert_eq!(shape(head(MAX_HEADER_LINES).as_bytes(), 99_999), Ok(None));
    let told = shape(head(MAX_HEADER_LINES + 1).as_bytes(), 99_999).unwrap().unwrap();
    assert_eq!((told.status, told.lines), (201, MAX_HEADER_LINES + 1));
    let hint = head(MAX_HEADER_LINES + 1).replace("201", "103");
    assert!(!matches!(shape(hint.as_bytes(), 99_999), Ok(Some(_))));
}

#[test]
fn interim_responses_are_bounded_in_number_and_bytes() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\n".as_slice();
    let many = EARLY_HINT.repeat(MAX_INTERIM_RESPONSES as usize);
    assert!(shape(&[&many, answer].concat(), 100).unwrap().is_some());
    let more = [&many, EARLY_HINT, answer].concat();
    assert_eq!(shape(&more, 100), Err(InterimFlood));
    let mut large = b"HTTP/1.1 100 Continue\r\na: ".to_vec();
    large.resize(MAX_INTERIM_BYTES_PER_REQUEST + 1, b'a');
    assert_eq!(shape(&large, 1000), Err(InterimFlood), "in one that has no end");
    let mut body = answer.to_vec();
    body.extend(EARLY_HINT.repeat(1000));
    assert!(shape(&body, 100).unwrap().is_some(), "a body may look so");
}

#[test]
fn each_request_has_its_own_bound() {
    let mut watch = Http1HeadScanner::default();
    let answer = b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n".as_slice();
    let text = [&EARLY_HINT.repeat(MAX_INTERIM_RESPONSES as usize), answer].concat();
    for exchange in 1..=10 {
        let shape = watch.scan(&text, exchange).unwrap().unwrap();
        assert_eq!(shape, HeadShape { status: 200, lines: 1, folded: false });
        assert_eq!(watch.scan(b"body\n\n", exchange), Ok(None));
    }
}

fn frame(kind: u8, flags: u8, stream: u32, length: usize) -> Vec<u8> {
    let mut frame = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.resize(FRAME_HEADER_BYTES + length, FRAME_TYPE_HEADERS);
    frame
}

fn scan(frames: &[Vec<u8>], at_a_time: usize) -> Result<Http2FrameScanner, InterimFlood> {
    let mut watch = Http2FrameScanner::default();
    for piece in frames.concat().chunks(at_a_time) {
        watch.scan(piece)?;
    }
    Ok(watch)
}

#[test]
fn interim_heads_of_a_stream_are_bounded_in_number() {
    let heads = vec![frame(FRAME_TYPE_HEADERS, 0, 3, 1); MAX_INTERIM_RESPONSES as usize + 1];
    for at_a_time in [1, 5, 9, 10, 4096] {
        assert!(scan(&heads, at_a_time).is_ok());
        let more = [heads.clone(), vec![frame(FRAME_TYPE_HEADERS, 0, 3, 1)]].concat();
        assert_eq!(scan(&more, at_a_time).unwrap_err(), InterimFlood, "{at_a_time}");
    }
}

#[test]
fn interim_heads_are_bounded_in_bytes() {
    let interim = |stream| frame(FRAME_TYPE_HEADERS, 0, stream, MAX_INTERIM_BYTES_PER_REQUEST / 2);
    let last = |stream| frame(FRAME_TYPE_HEADERS, 0, stream, 10 * MAX_INTERIM_BYTES_PER_REQUEST);
    assert!(scan(&[interim(1), last(1)], 4096).is_ok(), "the final head may be larger");
    assert!(scan(&[interim(1), interim(1), interim(1)], 4096).is_err());
    let continued =
        [interim(1), frame(FRAME_TYPE_CONTINUATION, 0, 1, MAX_INTERIM_BYTES_PER_REQUEST), last(1)];
    assert!(scan(&continued, 4096).is_err());
    let streams = |count| (0..count).flat_map(|n| [interim(2 * n + 1), last(2 * n + 1)]);
    assert!(scan(&streams(31).collect::<Vec<_>>(), 4096).is_ok());
    assert!(scan(&streams(33).collect::<Vec<_>>(), 4096).is_err(), "all together");
}

#[test]
fn what_has_ended_is_forgotten() {
    let one = |stream| {
        let head = || frame(FRAME_TYPE_HEADERS, 0, stream, MAX_INTERIM_BYTES_PER_REQUEST / 2);
        [
            head(),
            head(),
            frame(FRAME_TYPE_DATA, 0, stream, 100),
            frame(FRAME_TYPE_HEADERS, FLAG_END_STREAM, stream, 20),
        ]
    };
    let watch = scan(&(0..2000).flat_map(one).collect::<Vec<_>>(), 4096).unwrap();
    assert!(watch.streams.is_empty());
    assert_eq!(watch.interim_bytes, 0);
    let given_up: Vec<_> =
        (0..2000).map(|stream| frame(FRAME_TYPE_HEADERS, 0, stream, 20)).collect();
    assert_eq!(scan(&given_up, 4096).unwrap().streams.len(), MAX_COUNTED_STREAMS);
}
