use super::*;

/// A phone that missed a batch must not lose the later ones, nor apply them over the gap.
#[test]
fn a_gap_in_sequence_waits_until_it_is_filled() {
    let mut phone = Document::new(actor(1));
    let stored: Vec<_> = (0..6u8)
        .map(|n| phone.put_record(&[n]).unwrap().unwrap())
        .collect();
    let mut tablet = Document::new(actor(2));
    assert!(applied(offer(&mut tablet, &stored[..2])));
    assert_eq!(
        offer(&mut tablet, &stored[4..]),
        Ok(Accepted::Waiting {
            missing: vec![],
            after: Some(2)
        })
    );
    assert_eq!(tablet.change_count(), 2);
    assert!(applied(offer(&mut tablet, &stored[2..4])));
    assert!(applied(offer(&mut tablet, &stored[4..])));
    assert_eq!(view(&tablet), view(&phone));
}

/// Sections that are applied together must come to what they come to one by one, also around one
/// that waits and one that is refused.
#[test]
fn sections_that_are_applied_together_come_to_the_same() {
    let mut phone = Document::new(actor(1));
    let mut stored: Vec<_> = (0..9u8)
        .map(|n| phone.put_record(&[n]).unwrap().unwrap())
        .collect();
    stored.push(phone.make_text(TEXT).unwrap());
    stored.push(phone.splice_text(TEXT, 0, 0, "walk").unwrap().unwrap());
    stored.push(phone.put_record(&[99]).unwrap().unwrap());
    let mut fork = Document::new(actor(1));
    let forked = [fork.put_record(&[77]).unwrap().unwrap()];
    let sections = [
        section(&stored[..3]),
        section(&stored[5..6]),
        section(&forked),
        section(&stored[2..7]),
        section(&stored[..4]),
        section(&stored[7..10]),
        section(&stored[10..]),
    ];
    let (mut single, mut together) = (Document::new(actor(2)), Document::new(actor(2)));
    for section in &sections {
        let expected = single.accept(&|_| true, section);
        assert_eq!(together.accept_later(&|_| true, section), expected);
    }
    together.flush().unwrap();
    assert_eq!(view(&together), view(&single));
    assert_eq!(view(&together), view(&phone));
    let local = [&mut single, &mut together].map(|document| document.put_record(b"own").unwrap());
    assert_eq!(local[0], local[1]);
}

/// The therapist's edit of the client's text may come first; it must appear when the text does.
#[test]
fn a_dependency_that_comes_later_releases_what_waits() {
    let mut client = Document::new(actor(1));
    let made = [client.make_text(TEXT).unwrap()];
    let mut therapist = Document::new(actor(2));
    offer(&mut therapist, &made).unwrap();
    let edit = [therapist.splice_text(TEXT, 0, 0, "walk").unwrap().unwrap()];
    let mut other = Document::new(actor(3));
    let waiting = Ok(Accepted::Waiting {
        missing: vec![made[0].hash],
        after: None,
    });
    assert_eq!(offer(&mut other, &edit), waiting);
    assert_eq!(offer(&mut other, &edit), waiting);
    assert_eq!(other.change_count(), 0);
    assert!(applied(offer(&mut other, &made)));
    let Ok(Accepted::Applied {
        changes,
        records,
        texts,
    }) = offer(&mut other, &edit)
    else {
        panic!("not applied");
    };
    assert_eq!(
        (changes, records, texts),
        (edit.to_vec(), vec![], vec![TEXT])
    );
    assert_eq!(other.text(&TEXT).as_deref(), Some("walk"));
}

/// The relay repeats entries and a device pushes again after a crash: no change counts twice.
#[test]
fn overlapping_and_known_sections_add_only_what_is_new() {
    let mut phone = Document::new(actor(1));
    let stored: Vec<_> = (0..6u8)
        .map(|n| phone.put_record(&[n]).unwrap().unwrap())
        .collect();
    let mut tablet = Document::new(actor(2));
    assert!(applied(offer(&mut tablet, &stored[..4])));
    assert_eq!(offer(&mut tablet, &stored[..4]), Ok(Accepted::Known));
    assert_eq!(offer(&mut tablet, &stored[1..3]), Ok(Accepted::Known));
    let Ok(Accepted::Applied {
        changes, records, ..
    }) = offer(&mut tablet, &stored[2..])
    else {
        panic!("not applied");
    };
    assert_eq!(changes, stored[4..]);
    assert_eq!(records.len(), 2);
    assert_eq!(offer(&mut phone, &stored), Ok(Accepted::Known));
}

/// A cloned phone writes on from the same backup: the second branch is shown, never merged in.
#[test]
fn another_change_at_a_known_sequence_number_is_a_fork() {
    let mut phone = Document::new(actor(1));
    let mut clone = Document::new(actor(1));
    let first = phone.put_record(b"first").unwrap().unwrap();
    clone.put_record(b"first").unwrap();
    let one = [first.clone(), phone.put_record(b"one").unwrap().unwrap()];
    let two = [first, clone.put_record(b"two").unwrap().unwrap()];
    let mut tablet = Document::new(actor(2));
    offer(&mut tablet, &one).unwrap();
    assert_eq!(offer(&mut tablet, &two), Err(GateError::Forked { seq: 2 }));
    assert_eq!(view(&tablet), view(&phone));
}

/// A restored device pulls its own entries back and goes on after them.
#[test]
fn own_changes_come_back_and_the_next_edit_follows_them() {
    let mut phone = Document::new(actor(1));
    let stored: Vec<_> = (0..3u8)
        .map(|n| phone.put_record(&[n]).unwrap().unwrap())
        .collect();
    let mut restored = Document::new(actor(1));
    assert!(applied(offer(&mut restored, &stored)));
    let next = restored.put_record(b"next").unwrap().unwrap();
    assert_eq!(next.seq, 4);
    assert!(applied(offer(&mut phone, &[next])));
}

/// Two devices that log the same reading hold one record, and both are named.
#[test]
fn twin_records_collapse_and_name_both_authors() {
    let mut phone = Document::new(actor(1));
    let mut tablet = Document::new(actor(2));
    let one = phone.put_record(b"reading").unwrap().unwrap();
    let two = tablet.put_record(b"reading").unwrap().unwrap();
    assert_eq!(phone.put_record(b"reading"), Ok(None));
    assert_eq!(phone.put_records(&[b"reading", b"reading"]), Ok(None));
    assert!(applied(offer(&mut phone, &[two])));
    assert!(applied(offer(&mut tablet, &[one])));
    assert_eq!(view(&phone), view(&tablet));
    let id = RecordId::of(b"reading");
    assert_eq!(phone.records().count(), 1);
    assert_eq!(phone.record(&id).unwrap().authors(), [actor(1), actor(2)]);
    assert_eq!(phone.records().next(), phone.record(&id));
}

/// Wrong use of an edit changes nothing.
#[test]
fn local_edits_outside_their_limits_are_refused() {
    let mut phone = Document::new(actor(1));
    assert_eq!(phone.put_record(b""), Err(GateError::Malformed("record")));
    assert_eq!(
        phone.put_record(&[0; 65_537]),
        Err(GateError::TooLarge("record"))
    );
    let records: Vec<_> = (0..3u8).map(|n| vec![n; 60_000]).collect();
    let records: Vec<_> = records.iter().map(Vec::as_slice).collect();
    assert_eq!(
        phone.put_records(&records),
        Err(GateError::TooLarge("change"))
    );
    assert_eq!(
        phone.splice_text(TEXT, 0, 0, "a"),
        Err(GateError::UnknownText)
    );
    phone.make_text(TEXT).unwrap();
    assert_eq!(phone.make_text(TEXT), Err(GateError::TextExists));
    phone.splice_text(TEXT, 0, 0, "abc").unwrap();
    assert_eq!(
        phone.splice_text(TEXT, 1, 3, ""),
        Err(GateError::OutOfBounds)
    );
    assert_eq!(
        phone.splice_text(TEXT, 4, 0, "a"),
        Err(GateError::OutOfBounds)
    );
    assert_eq!(
        phone.splice_text(TEXT, usize::MAX, 1, "a"),
        Err(GateError::OutOfBounds)
    );
    assert_eq!(phone.splice_text(TEXT, 1, 0, ""), Ok(None));
    let long = "x".repeat(131_072);
    assert_eq!(
        phone.splice_text(TEXT, 0, 0, &long),
        Err(GateError::TooLarge("change"))
    );
    for _ in 0..8 {
        phone.splice_text(TEXT, 0, 0, &long[..131_000]).unwrap();
    }
    assert_eq!(
        phone.splice_text(TEXT, 0, 0, &long[..600]),
        Err(GateError::TooLarge("text"))
    );
    assert_eq!(phone.change_count(), 10);
    assert!(phone.put_record(b"still usable").unwrap().is_some());
}

/// When Automerge does something else than the gate computed, nothing of it may be kept or shown;
/// the store, which never saw it, brings the document back.
#[test]
fn a_failing_engine_poisons_the_document_until_it_is_loaded_again() {
    use automerge::ROOT;
    use automerge::transaction::Transactable;

    let mut phone = Document::new(actor(1));
    let kept = phone.put_record(b"kept").unwrap().unwrap();
    let good = view(&phone);
    let snapshot = phone.save().unwrap();
    for failure in [
        GateError::Engine("committed something else"),
        GateError::Engine("panicked"),
    ] {
        let change = phone.next(vec![Op::Record(Record::new(b"new".to_vec()))]);
        let panics = failure == GateError::Engine("panicked");
        let result = phone.commit_as(&change, kept.hash, |transaction| {
            assert!(!panics, "the engine fails");
            transaction.put(ROOT, "other", 1)
        });
        assert_eq!(result, Err(failure));
        assert!(phone.is_poisoned());
        assert_eq!(phone.records().count(), 0);
        assert_eq!(phone.put_record(b"more"), Err(GateError::Poisoned));
        assert_eq!(phone.save(), Err(GateError::Poisoned));
        let known = section(std::slice::from_ref(&kept));
        assert_eq!(phone.accept(&|_| true, &known), Err(GateError::Poisoned));
        phone = Document::load(actor(1), Some(&snapshot), [&kept.stored]).unwrap();
        assert_eq!(view(&phone), good);
    }
    assert!(phone.put_record(b"more").unwrap().is_some());
}
