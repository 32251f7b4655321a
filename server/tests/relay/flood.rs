//! Floods of HTTP/2's own frames, against the program itself: memory stays, and the connection ends.
#![cfg(target_os = "linux")]

use crate::limits::Raw;
use crate::process::Program;

const MIB: u64 = 1 << 20;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Frame types (RFC 9113 §6), and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method POST`, `:scheme http`, `:path /v1/pull`, as HPACK (RFC 7541) without its tables.
const REQUEST: &[u8] = b"\x83\x86\x04\x08/v1/pull";
/// How many frames a flood has.
const FRAMES: u32 = 10_000;

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let (stream, head) = (stream.to_be_bytes(), [kind, flags]);
    [&length[1..], &head, &stream, payload].concat()
}

/// What a flood comes to: whether the relay ended it, and how many bytes more it held at most.
struct End {
    is_ended: bool,
    held: u64,
}

/// Sends the frames that `each` makes of their number, in pieces, over one connection.
async fn flood(relay: &Program, each: impl Fn(u32) -> Vec<u8>) -> End {
    relay.client().await.nonce().await;
    let before = relay.resident();
    let mut raw = Raw::connect(relay).await;
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    assert!(raw.send(&hello).await);
    let (mut is_ended, mut held) = (false, 0);
    for piece in 0..FRAMES / 100 {
        let frames: Vec<u8> = (0..100).flat_map(|at| each(piece * 100 + at)).collect();
        is_ended = !raw.send(&frames).await;
        held = held.max(relay.resident().saturating_sub(before));
        if is_ended {
            break;
        }
    }
    if !is_ended {
        // What it says last, where it has said so before everything was sent.
        let said = raw.rest().await;
        is_ended = frames_of(&said).any(|kind| kind == GOAWAY);
    }
    // Nobody else has noticed.
    relay.client().await.nonce().await;
    End { is_ended, held }
}

/// The kinds of the frames in what came.
fn frames_of(mut bytes: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<9>()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        bytes = rest.get(usize::try_from(length).unwrap()..)?;
        Some(head[3])
    })
}

fn relay(data: &std::path::Path) -> Program {
    Program::with(data, &["--idle-seconds", "2"])
}

/// Requests that are given up as soon as they are made (CVE-2023-44487): each begins work for nothing.
#[tokio::test]
async fn a_rapid_reset_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let relay = relay(directory.path());
    let end = flood(&relay, |number| {
        let stream = 2 * number + 1;
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, REQUEST);
        let reset = frame(RST_STREAM, 0, stream, &8u32.to_be_bytes());
        [request, reset].concat()
    })
    .await;
    assert!(end.is_ended);
    assert!(end.held < 8 * MIB, "{}", end.held);
}

/// A head in pieces without end (CVE-2024-27316): each is kept until the last has come.
#[tokio::test]
async fn continuations_without_end_are_ended() {
    let directory = tempfile::tempdir().unwrap();
    let relay = relay(directory.path());
    // A header field that is in no table, of 1,000 bytes.
    let field = [b"\0\x01x\x7f\xe9\x06".as_slice(), &[b'y'; 1_000]].concat();
    let end = flood(&relay, |number| match number {
        0 => frame(HEADERS, END_STREAM, 1, REQUEST),
        _ => frame(CONTINUATION, 0, 1, &field),
    })
    .await;
    assert!(end.is_ended);
    assert!(end.held < 8 * MIB, "{}", end.held);
}

/// Frames of a few bytes that ask for an answer or for nothing.
#[tokio::test]
async fn small_frames_without_end_fill_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let relay = relay(directory.path());
    let floods: [fn(u32) -> Vec<u8>; 3] = [
        |_| frame(PING, 0, 0, &[7; 8]),
        |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        |number| match number {
            0 => frame(HEADERS, END_HEADERS, 1, REQUEST),
            _ => frame(DATA, 0, 1, &[]),
        },
    ];
    for each in floods {
        let end = flood(&relay, each).await;
        assert!(end.held < 8 * MIB, "{}", end.held);
    }
}

/// More requests at a time than a connection may have.
#[tokio::test]
async fn streams_without_end_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let relay = relay(directory.path());
    let end = flood(&relay, |number| {
        frame(HEADERS, END_HEADERS, 2 * number + 1, REQUEST)
    })
    .await;
    assert!(end.is_ended);
    assert!(end.held < 8 * MIB, "{}", end.held);
}
