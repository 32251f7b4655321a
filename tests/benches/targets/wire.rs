//! An append on the wire: every byte of the request, the head as well.

use waymark_tests::TestRelay;

use crate::Effort;
use crate::phone::Phone;
use crate::proxy::{Passed, Proxy};
use crate::report::Row;

const BATCH: usize = 100;

pub(crate) fn append_requests(effort: Effort) -> Vec<Row> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let relay = runtime.block_on(TestRelay::start());
    let proxy = Proxy::to(&relay.url());
    let mut phone = Phone::begin(&proxy.url());
    // The first pushes carry how the spaces began, and their reserves.
    for _ in 0..4 {
        runtime.block_on(phone.client.sync().now()).expect("synced");
    }
    let mut largest = |count: usize| {
        let rounds = effort.of(20, 3);
        let requests = (0..rounds).filter_map(|_| {
            phone.log(count);
            proxy.take();
            runtime.block_on(phone.client.sync().now()).expect("synced");
            // A key that has grown old in the diary's days is replaced in between.
            match appends(&proxy.take())[..] {
                [size] => Some(size),
                _ => None,
            }
        });
        let sizes: Vec<usize> = requests.collect();
        assert!(2 * sizes.len() > rounds, "everything goes in one request");
        sizes.into_iter().max().unwrap_or_default()
    };
    let lone = largest(1);
    let batch = largest(BATCH).div_ceil(BATCH);
    let wide = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let measure = "  in a batch of 100, each (largest of 20)";
    vec![
        Row::bytes(
            "a lone check-in's append request (largest of 20)",
            wide(lone),
            None,
            560,
        ),
        Row::bytes(measure, wide(batch), None, 75),
    ]
}

/// The sizes of the append requests, with their heads.
fn appends(passed: &Passed) -> Vec<usize> {
    let mut sizes = Vec::new();
    for stream in &passed.up {
        let mut rest = stream.as_slice();
        while !rest.is_empty() {
            let (is_append, size) = request(rest);
            if is_append {
                sizes.push(size);
            }
            rest = &rest[size..];
        }
    }
    sizes
}

/// Whether the first request in `bytes` is an append, and how long it is.
fn request(bytes: &[u8]) -> (bool, usize) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a request's head has an end") + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.expect("a request says how long its body is");
    (head.starts_with("POST /v1/append "), end + length)
}
