//! Lets go of what a checkpoint covers, a little at a time, each time in one transaction: a relay that
//! dies in between goes on where it was. Of an entry that goes its row stays, without its bytes: place,
//! signer, counter, id and chain, so that the log has no hole and an entry that comes again is known.

use waymark_wire::entry::Kind;
use waymark_wire::ids::SpaceId;
use waymark_wire::membership::Membership;

use super::checkpoints::Facts as _;
use super::noting::{InSpace, gone, protected};
use super::reading::membership;
use super::rows::{Due, Fault, Rows};
use super::rules::spent_keys;
use super::turn::Changes;
use crate::logging::Short;

/// Rows that are looked at in one transaction, at most.
const ROWS: usize = 1_024;
/// Bytes that are let go in one transaction, at most; one entry always is.
const BYTES: i64 = 4 * 1024 * 1024;

/// Drops some of what is due at `now`, within the writer's transaction: whether there may be more.
pub(super) fn step<R: Rows>(db: &R, changes: &mut Changes, now: i64) -> Result<bool, Fault> {
    let Some(space) = db.due_space(now)? else {
        return Ok(false);
    };
    let Some(number) = db.lock(&space)? else {
        return Err(Fault::Damaged("a space is gone"));
    };
    // Another node may have been there meanwhile.
    let Some(due) = db.due(number, now)? else {
        return Ok(true);
    };
    match go_through(db, changes, &space, &due) {
        Ok(()) => {}
        // One damaged space must not stop the others.
        Err(Fault::Damaged(what)) => {
            tracing::error!(space = %Short(&space), "the database is damaged: {what}");
            db.settle(&due)?;
        }
        Err(fault @ Fault::Engine(_)) => return Err(fault),
    }
    Ok(true)
}

fn go_through<R: Rows>(
    db: &R,
    changes: &mut Changes,
    space: &SpaceId,
    due: &Due,
) -> Result<(), Fault> {
    let number = due.number;
    let membership = membership(db, number)?;
    let dropped = db.dropped(number)?;
    // What reaches no further than another has nothing to drop.
    let is_over = due.reaches < dropped || (due.reaches == dropped && due.progress == 0);
    let stays = membership.is_closed() && !forgets(db, &membership, (dropped, due))?;
    if stays || is_over {
        return db.settle(due);
    }
    let protected = protected(db, number, due.reaches)?;
    // In the transaction of the first entry that goes, so that no reader meets what is left of one.
    db.set_dropped(number, due.reaches)?;
    let (mut freed, mut progress) = (0, due.progress);
    for covered in db.covered(number, due.progress, due.reaches, ROWS)? {
        if freed >= BYTES {
            break;
        }
        progress = covered.seq;
        let stays =
            covered.kind == Some(Kind::Membership.number()) || protected.contains(&covered.id);
        if covered.length > 0 && !stays {
            db.empty(number, covered.seq)?;
            freed += covered.length;
        }
    }
    let mut spent = 0;
    for named in spent_keys(&membership, gone(db, number, &membership)?) {
        spent += db.drop_sealed(number, &named)?;
    }
    *changes.bytes.entry(number).or_default() -= freed + spent;
    tracing::info!(space = %Short(space), up_to = progress, freed, "entries were dropped");
    // Of a log without holes the last row is n's, or more are to come.
    let is_done = progress >= due.reaches || progress == due.progress;
    db.set_progress(due, progress, is_done)
}

/// Whether a checkpoint is the one that lets go of what stands before something that was forgotten. That
/// goes in a closed space too, which is kept as it is otherwise: nobody can confirm there any more what is
/// left, and from before nobody could go on.
fn forgets<R: Rows>(
    db: &R,
    membership: &Membership,
    (dropped, due): (u64, &Due),
) -> Result<bool, Fault> {
    let facts = InSpace {
        db,
        number: due.number,
    };
    let cut = membership
        .cut()
        .map(|cut| facts.place_of(cut))
        .transpose()?;
    let is_it = |cut: u64| cut <= due.reaches && (dropped < cut || dropped == due.reaches);
    Ok(cut.is_some_and(is_it))
}

#[cfg(test)]
mod tests {
    use waymark_wire::checkpoint::CheckpointBody;
    use waymark_wire::entry::TAG;
    use waymark_wire::ids::Generation;

    use super::*;
    use crate::log::checkpoints::REST;
    use crate::log::{Append, Log, LogError, SqliteLog};
    use crate::testing;

    /// A relay that dies while it drops must neither lose what stays nor forget the rest, and nobody
    /// may be handed what is left of a dropped entry.
    #[tokio::test]
    async fn a_drop_that_was_cut_off_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SqliteLog::open(directory.path(), Generation([7; 16]), 1_024).unwrap();
        let log = open();
        let mut space = testing::Space::found(1);
        let mut entries = vec![space.founding.entry.clone()];
        entries.extend((0..ROWS + 50).map(|_| space.batch(0)));
        let covered = u64::try_from(entries.len()).unwrap();
        let public = space.checkpoint(&entries, covered);
        let body = CheckpointBody::assemble(&public, &[7; 256 + TAG]).unwrap();
        entries.push(space.with_body(0, Kind::Checkpoint, &body));
        entries.push(space.batch(0));
        let append = Append {
            heals: false,
            space: space.id,
            entries: entries.clone(),
            attachments: space.founding.attachments.clone(),
            may_create: true,
            terms: crate::log::Terms::default(),
            now: 0,
        };
        assert_eq!(log.append(append).await.unwrap().refused, None);
        let bytes = async |log: &SqliteLog| log.usage(space.id).await.unwrap().unwrap().bytes;
        let whole = bytes(&log).await;
        let log = {
            assert!(log.drop_due(REST).await.unwrap());
            log.close().await;
            open()
        };
        // All but the first entry of the rows that were looked at.
        let first = u64::try_from(ROWS).unwrap() - 1;
        assert_eq!(bytes(&log).await, whole - first * 388);
        for after in [0, first, covered - 1] {
            let page = log.page(space.id, after).await;
            assert_eq!(page, Err(LogError::Dropped));
        }
        let page = log.page(space.id, covered).await.unwrap();
        let tail: Vec<_> = page
            .entries
            .into_iter()
            .map(|stored| stored.bytes)
            .collect();
        assert_eq!(tail, entries[entries.len() - 2..]);
        while log.drop_due(REST).await.unwrap() {}
        assert_eq!(bytes(&log).await, whole - (covered - 1) * 388);
        assert!(!log.drop_due(i64::MAX).await.unwrap());
    }
}
