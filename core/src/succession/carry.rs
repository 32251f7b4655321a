//! What this device wrote in a space that was closed before its log took it.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Engine;
use crate::gate::{Document, DocumentName, GateError, RecordView, StoredChange};
use crate::ids::{RecordId, TextId};
use crate::membership::{Succession, Wish};
use crate::model::spoken_of;
use crate::space::{Space, SpaceError, Unsent};
use crate::store::{Store, Transaction};

/// Characters that are put into a text at once.
const RUN: usize = 8_000;

/// What is written in one document.
#[derive(Default)]
struct Part {
    records: Vec<Vec<u8>>,
    /// Each with what it says in the new space up to now, if it is there.
    texts: Vec<(TextId, Option<String>, String)>,
}

/// Writes in the new space what waited to be sent in the old one when it was closed, as far as what it
/// speaks of is there. Once all of it is, nothing waits any more; the rest stays where it is, and is
/// shown as never sent.
pub(super) fn carry(
    engine: &mut Engine,
    old: u32,
    new: u32,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let Some((from, store, _)) = engine.parts(old) else {
        return Ok(());
    };
    if from.is_enrolling() || !from.holds_key() {
        return Ok(());
    }
    let unsent = from.unsent_words(store)?;
    if unsent.is_empty() {
        return Ok(());
    }
    let Some((to, store, _)) = engine.parts(new) else {
        return Ok(());
    };
    let (parts, is_all) = what_fits(to, store, &unsent)?;
    let mut transaction = Transaction::new();
    if is_all && let Some(from) = engine.space_by_number(old) {
        from.give_up_sending(&mut transaction);
    }
    write(engine, new, transaction, parts)?;
    touched.push(new);
    Ok(())
}

/// Has a space that an own device founded give way to the one that was closed for first: what is in it
/// is written there too, and it is closed.
pub(super) fn give_way(
    engine: &mut Engine,
    loser: u32,
    winner: u32,
    touched: &mut Vec<u32>,
) -> Result<(), SpaceError> {
    let Some((from, store, _)) = engine.parts(loser) else {
        return Ok(());
    };
    if !from.is_sent(store)? || from.is_closed() {
        return Ok(());
    }
    let own = from.own_actors();
    let names: Vec<DocumentName> = from.document_names().collect();
    let mut all = BTreeMap::new();
    for name in names {
        let document = from.document(store, name)?;
        // What others wrote there is not this person's word.
        let is_own = |record: &RecordView<'_>| record.authors().iter().any(|a| own.contains(a));
        let records = document.records().filter(is_own);
        let records: Vec<Vec<u8>> = records.map(|record| record.bytes.into_owned()).collect();
        let ids = document.texts().into_iter();
        let texts: Vec<(TextId, String)> = ids
            .filter_map(|id| Some((id, document.text(&id)?)))
            .collect();
        all.insert(name, (records, texts));
    }
    let height = from.book().map(|book| book.membership().height());
    let Some((to, store, _)) = engine.parts(winner) else {
        return Ok(());
    };
    if !super::is_open(Some(to)) {
        return Ok(());
    }
    let mut parts = BTreeMap::new();
    for (name, (records, texts)) in all {
        let there = to.document(store, name)?;
        let texts = texts.into_iter().filter(|(id, _)| there.text(id).is_none());
        let part = Part {
            records,
            texts: texts.map(|(id, text)| (id, None, text)).collect(),
        };
        parts.insert(name, part);
    }
    let space = to.id();
    write(engine, winner, Transaction::new(), parts)?;
    touched.push(winner);
    let Some((from, height)) = engine.space_by_number(loser).zip(height) else {
        return Ok(());
    };
    let mut transaction = Transaction::new();
    let close = Wish::Close(Some(Succession {
        space,
        entrances: Vec::new(),
        height,
    }));
    super::wish(engine.store.as_ref(), from, Some(close), &mut transaction)?;
    if !transaction.is_empty() {
        engine.store.commit(transaction.into())?;
        touched.push(loser);
    }
    Ok(())
}

/// What of it the new space can hold, by document; and whether that is all.
fn what_fits(
    to: &mut Space,
    store: &dyn Store,
    unsent: &BTreeMap<DocumentName, Unsent>,
) -> Result<(BTreeMap<DocumentName, Part>, bool), SpaceError> {
    let mut known: BTreeSet<RecordId> = BTreeSet::new();
    let names: Vec<DocumentName> = to.document_names().collect();
    for name in names {
        known.extend(to.document(store, name)?.records().map(|record| record.id));
    }
    let mut parts: BTreeMap<DocumentName, Part> = BTreeMap::new();
    let mut texts: BTreeSet<TextId> = BTreeSet::new();
    let mut waiting: Vec<(DocumentName, &Vec<u8>)> = Vec::new();
    for (name, words) in unsent {
        waiting.extend(words.records.iter().map(|record| (*name, record)));
    }
    loop {
        let before = waiting.len();
        waiting.retain(|(name, bytes)| {
            let Some((links, text)) = spoken_of(bytes) else {
                return true;
            };
            // What speaks of nothing was not chosen to come along, whatever it is.
            if links.is_empty() || !links.iter().all(|link| known.contains(link)) {
                return true;
            }
            known.insert(RecordId::of(bytes));
            texts.extend(text);
            parts
                .entry(*name)
                .or_default()
                .records
                .push((*bytes).clone());
            false
        });
        if waiting.len() == before {
            break;
        }
    }
    let mut is_all = waiting.is_empty();
    for (name, words) in unsent {
        let there = to.document(store, *name)?;
        for (id, before, now) in &words.texts {
            let current = there.text(id);
            let fits = match (&current, before) {
                (Some(current), _) if current == now => continue,
                // Nobody else has changed it meanwhile.
                (Some(current), Some(before)) => current == before,
                (None, _) => texts.contains(id),
                (Some(_), None) => false,
            };
            is_all &= fits;
            if fits {
                let text = (*id, current, now.clone());
                parts.entry(*name).or_default().texts.push(text);
            }
        }
    }
    Ok((parts, is_all))
}

/// Puts all of it there, together with what `transaction` does.
fn write(
    engine: &mut Engine,
    new: u32,
    transaction: Transaction,
    parts: BTreeMap<DocumentName, Part>,
) -> Result<(), SpaceError> {
    let Some((to, store, _)) = engine.parts(new) else {
        return Ok(());
    };
    let edits = parts.into_iter().map(|(name, part)| {
        let edit = move |document: &mut Document| edit(document, part);
        (name, edit)
    });
    to.edit_with(store, transaction, edits.collect())?;
    Ok(())
}

fn edit(document: &mut Document, part: Part) -> Result<Vec<StoredChange>, GateError> {
    let mut changes = Vec::new();
    for record in &part.records {
        changes.extend(document.put_record(record)?);
    }
    for (id, before, now) in part.texts {
        if before.is_none() {
            changes.push(document.make_text(id)?);
        }
        let before: Vec<char> = before.unwrap_or_default().chars().collect();
        let now: Vec<char> = now.chars().collect();
        let equal = |(a, b): &(&char, &char)| a == b;
        let start = before.iter().zip(&now).take_while(equal).count();
        let (old, new) = (&before[start..], &now[start..]);
        let end = old
            .iter()
            .rev()
            .zip(new.iter().rev())
            .take_while(equal)
            .count();
        let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
        changes.extend(document.splice_text(id, start, old.len(), "")?);
        for (run, index) in new.chunks(RUN).zip(0..) {
            let run: String = run.iter().collect();
            changes.extend(document.splice_text(id, start + index * RUN, 0, &run)?);
        }
    }
    Ok(changes)
}
