//! What every store must do, as one suite that each implementation runs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use crate::store::{Row, Store, StoreError, Table, Transaction, Write};

/// Something that stays when a store is dropped, and on which it can be opened again.
pub(super) trait Device {
    fn open(&self) -> Result<Box<dyn Store>, StoreError>;
}

/// Makes one test of every case for the device that the expression makes.
macro_rules! store_conformance {
    ($device:expr) => {
        $crate::store::conformance::store_conformance!(
            $device,
            what_was_committed_is_read_back,
            later_writes_win,
            a_scan_is_ordered_bounded_and_can_go_on,
            prefixes_end_where_they_should,
            tables_do_not_mix,
            large_and_empty_values_survive,
            what_was_committed_survives_and_what_was_not_does_not,
            a_second_open_is_refused_at_once,
            a_closed_store_can_be_opened_again,
            any_sequence_of_commits_agrees_with_a_map,
        );
    };
    ($device:expr, $($case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                $crate::store::conformance::$case(&|| $device);
            }
        )+
    };
}
pub(super) use store_conformance;

type Make<'a, D> = &'a dyn Fn() -> D;

fn open(device: &impl Device) -> Box<dyn Store> {
    device.open().unwrap()
}

fn commit(store: &mut dyn Store, fill: impl FnOnce(&mut Transaction)) {
    let mut transaction = Transaction::new();
    fill(&mut transaction);
    store.commit(transaction.take()).unwrap();
}

fn keys(rows: &[Row]) -> Vec<&[u8]> {
    rows.iter().map(|(key, _)| key.as_slice()).collect()
}

pub(super) fn what_was_committed_is_read_back<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut store = open(&device);
    assert_eq!(store.get(Table::Change, b"a"), Ok(None));
    commit(store.as_mut(), |t| {
        t.put(Table::Change, "a", "one")
            .put(Table::Change, "b", "two");
    });
    assert_eq!(store.get(Table::Change, b"a"), Ok(Some(b"one".to_vec())));
    assert_eq!(store.get(Table::Change, b"b"), Ok(Some(b"two".to_vec())));
    assert_eq!(store.get(Table::Change, b""), Ok(None));
    assert_eq!(store.verify(), Ok(()));
    commit(store.as_mut(), |_| {});
}

/// One transaction replaces a document's changes by a snapshot: deletes first, then puts.
pub(super) fn later_writes_win<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut store = open(&device);
    commit(store.as_mut(), |t| {
        t.put(Table::Change, "a", "one")
            .put(Table::Change, "a", "two")
            .put(Table::Change, "b", "gone")
            .delete(Table::Change, "b")
            .delete_prefix(Table::Change, "c")
            .put(Table::Change, "c1", "kept")
            .delete(Table::Change, "never there");
    });
    let rows = store.scan(Table::Change, b"", None, 10).unwrap();
    assert_eq!(
        rows,
        [
            (b"a".to_vec(), b"two".to_vec()),
            (b"c1".to_vec(), b"kept".to_vec())
        ]
    );
}

/// A page that skipped or repeated a row would lose or double a check-in.
pub(super) fn a_scan_is_ordered_bounded_and_can_go_on<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut store = open(&device);
    commit(store.as_mut(), |t| {
        for key in ["b2", "a", "b", "b1", "c", "b10"] {
            t.put(Table::Entry, key, key);
        }
    });
    let all = store.scan(Table::Entry, b"", None, 100).unwrap();
    assert_eq!(
        keys(&all),
        [b"a".as_slice(), b"b", b"b1", b"b10", b"b2", b"c"]
    );
    assert!(all.iter().all(|(key, value)| key == value));

    let mut pages = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(Table::Entry, b"b", after.as_deref(), 3).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        pages.push(page);
    }
    assert_eq!(pages.len(), 2);
    assert_eq!(
        keys(&pages.concat()),
        [b"b".as_slice(), b"b1", b"b10", b"b2"]
    );
    let none = store.scan(Table::Entry, b"", None, 0).unwrap();
    assert!(none.is_empty());
    // A place before the prefix does not widen it, a place behind it leaves nothing.
    let before = store.scan(Table::Entry, b"b1", Some(b"a"), 100).unwrap();
    assert_eq!(keys(&before), [b"b1".as_slice(), b"b10"]);
    let behind = store.scan(Table::Entry, b"b1", Some(b"c"), 100).unwrap();
    assert!(behind.is_empty());
}

/// Random ids begin with 0xff as often as with anything else.
pub(super) fn prefixes_end_where_they_should<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut store = open(&device);
    let rows: [&[u8]; 6] = [b"", &[0], &[254, 255], &[255], &[255, 0], &[255, 255, 7]];
    commit(store.as_mut(), |t| {
        for key in rows {
            t.put(Table::Space, key, "x");
        }
    });
    let scan =
        |store: &dyn Store, prefix: &[u8]| store.scan(Table::Space, prefix, None, 9).unwrap();
    assert_eq!(keys(&scan(store.as_ref(), &[254])), [[254, 255]]);
    assert_eq!(keys(&scan(store.as_ref(), &[255])), rows[3..]);
    assert_eq!(keys(&scan(store.as_ref(), &[255, 255])), rows[5..]);
    assert_eq!(keys(&scan(store.as_ref(), &[])), rows);

    commit(store.as_mut(), |t| {
        t.delete_prefix(Table::Space, [254, 255]);
    });
    assert_eq!(scan(store.as_ref(), &[]).len(), 5);
    commit(store.as_mut(), |t| {
        t.delete_prefix(Table::Space, [255]);
    });
    assert_eq!(keys(&scan(store.as_ref(), &[])), rows[..2]);
    commit(store.as_mut(), |t| {
        t.delete_prefix(Table::Space, []);
    });
    assert!(scan(store.as_ref(), &[]).is_empty());
}

pub(super) fn tables_do_not_mix<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut store = open(&device);
    commit(store.as_mut(), |t| {
        for table in Table::ALL {
            t.put(table, "key", table.name());
        }
    });
    commit(store.as_mut(), |t| {
        t.delete_prefix(Table::Quarantine, "");
    });
    for table in Table::ALL {
        let kept = (table != Table::Quarantine).then(|| table.name().into());
        assert_eq!(store.get(table, b"key"), Ok(kept), "{table:?}");
    }
}

pub(super) fn large_and_empty_values_survive<D: Device>(make: Make<'_, D>) {
    let device = make();
    let values: Vec<Vec<u8>> = [0, 1, 1_000, 4_096, 262_144, 1_048_576]
        .iter()
        .map(|len| vec![0x5a; *len])
        .collect();
    let mut store = open(&device);
    commit(store.as_mut(), |t| {
        for value in &values {
            t.put(Table::Snapshot, value.len().to_be_bytes(), value.as_slice());
        }
    });
    drop(store);
    let store = open(&device);
    for value in values {
        let read = store.get(Table::Snapshot, &value.len().to_be_bytes());
        assert!(read.unwrap() == Some(value));
    }
}

/// An acknowledged check-in that is gone after a restart is what this whole project must not do.
pub(super) fn what_was_committed_survives_and_what_was_not_does_not<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut gathered = Transaction::new();
    for round in 0..20_u8 {
        let mut store = open(&device);
        commit(store.as_mut(), |t| {
            t.put(Table::Outbox, [round], [round; 100]);
        });
        gathered.put(Table::Outbox, [round, 1], "not committed");
        drop(store);
    }
    let store = open(&device);
    let rows = store.scan(Table::Outbox, b"", None, 100).unwrap();
    let expected: Vec<_> = (0..20)
        .map(|round| (vec![round], vec![round; 100]))
        .collect();
    assert_eq!(rows, expected);
}

/// Two handles would hand out the same counter twice.
pub(super) fn a_second_open_is_refused_at_once<D: Device>(make: Make<'_, D>) {
    let device = make();
    let store = open(&device);
    assert_eq!(device.open().err(), Some(StoreError::Locked));
    drop(store);
    assert!(device.open().is_ok());
}

pub(super) fn a_closed_store_can_be_opened_again<D: Device>(make: Make<'_, D>) {
    let device = make();
    let mut store = open(&device);
    commit(store.as_mut(), |t| {
        t.put(Table::Meta, "a", "1");
    });
    store.close().unwrap();
    let store = open(&device);
    assert_eq!(store.get(Table::Meta, b"a"), Ok(Some(b"1".to_vec())));
}

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// Whatever is committed in whatever order, across reopening: the same as in a plain map.
pub(super) fn any_sequence_of_commits_agrees_with_a_map<D: Device>(make: Make<'_, D>) {
    let step = (
        prop::collection::vec(write(), 0..6),
        any::<bool>(),
        any::<bool>(),
    );
    let steps = prop::collection::vec(step, 1..12);
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps, from in key(), prefix in key(), limit in 0..5_usize)| {
        let device = make();
        let mut model = Model::new();
        let mut store = open(&device);
        for (writes, waits, reopen) in steps {
            for write in &writes {
                apply(&mut model, write);
            }
            if waits {
                store.commit(writes).unwrap();
            } else {
                store.commit_soon(writes).unwrap();
            }
            if reopen {
                drop(store);
                store = open(&device);
            }
        }
        for table in TABLES {
            let all = store.scan(table, b"", None, usize::MAX).unwrap();
            prop_assert_eq!(&all, &select_from(&model, table, b"", None, usize::MAX));
            for (key, value) in all {
                prop_assert_eq!(store.get(table, &key).unwrap(), Some(value));
            }
            let page = store.scan(table, &prefix, Some(&from), limit).unwrap();
            prop_assert_eq!(page, select_from(&model, table, &prefix, Some(&from), limit));
        }
    });
}

const TABLES: [Table; 2] = [Table::Entry, Table::Change];

/// Short keys over few bytes, so that they meet, nest and reach 0xff.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(vec![0, 1, 254, 255]), 0..4)
}

fn write() -> impl Strategy<Value = Write> {
    let value = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => (select(&TABLES), key(), value)
            .prop_map(|(table, key, value)| Write::Put { table, key, value }),
        2 => (select(&TABLES), key()).prop_map(|(table, key)| Write::Delete { table, key }),
        1 => (select(&TABLES), key())
            .prop_map(|(table, prefix)| Write::DeletePrefix { table, prefix }),
    ]
}

fn apply(model: &mut Model, write: &Write) {
    match write.clone() {
        Write::Put { table, key, value } => {
            model.insert((table, key), value);
        }
        Write::Delete { table, key } => {
            model.remove(&(table, key));
        }
        Write::DeletePrefix { table, prefix } => {
            model.retain(|(of, key), _| *of != table || !key.starts_with(&prefix));
        }
    }
}

fn select_from(
    model: &Model,
    table: Table,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Vec<Row> {
    model
        .iter()
        .filter(|((of, key), _)| *of == table && key.starts_with(prefix))
        .filter(|((_, key), _)| after.is_none_or(|after| key.as_slice() > after))
        .take(limit)
        .map(|((_, key), value)| (key.clone(), value.clone()))
        .collect()
}
