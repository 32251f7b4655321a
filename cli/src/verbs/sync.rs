//! `sync`: brings everything up to date, once or until it is interrupted.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use waymark_core::client::{Change, ChangeListener, NotDone};

use super::{not_done, status};
use crate::desk::{Desk, DeskError, Place};
use crate::talk::Talk;

/// How long.
#[derive(Args, Debug)]
pub(crate) struct Sync {
    #[command(flatten)]
    place: Place,

    /// Stay connected and say what others change, until interrupted (Ctrl-C).
    #[arg(long)]
    live: bool,
}

/// Syncs.
///
/// # Errors
/// [`DeskError`]: the first problem of any space; the others are up to date.
pub(crate) fn run(args: &Sync, talk: Talk) -> Result<(), DeskError> {
    let desk = Desk::open(&args.place, talk)?;
    if args.live {
        return live(&desk);
    }
    let synced = desk.sync();
    status::spaces(&desk)?;
    not_done::tell(&desk)?;
    Ok(synced?)
}

fn live(desk: &Desk) -> Result<(), DeskError> {
    desk.client.listen(Arc::new(Teller(desk.talk)));
    desk.block_on(async {
        let live = desk.client.sync().live();
        desk.talk.note("connected until Ctrl-C");
        let interrupted = tokio::signal::ctrl_c().await;
        live.stop().await;
        interrupted.map_err(DeskError::io("waiting for Ctrl-C"))
    })
}

/// Says what changes.
struct Teller(Talk);

impl ChangeListener for Teller {
    fn changed(&self, changes: Vec<Change>) {
        for change in &changes {
            if let Some((fields, text)) = told(change) {
                self.0.tell("change", fields, |page| page.line(text));
            }
        }
    }
}

/// A change as fields and as a line; none where it only is about this device's own progress.
fn told(change: &Change) -> Option<(Value, String)> {
    let (plan, what, detail, text) = match change {
        Change::Forked { plan } => (
            plan,
            "forked",
            json!(null),
            "the relay told two stories: `waymark evidence` shows what proves it".into(),
        ),
        Change::Forgotten { plan, given_up } => (
            plan,
            "forgotten",
            json!({ "given_up": given_up }),
            if *given_up {
                "something was forgotten, and what was written here about it, and not sent yet, went \
                 with it: see `waymark forget given-up`"
                    .into()
            } else {
                "something was forgotten".into()
            },
        ),
        Change::Healed { plan, restored } => (
            plan,
            "healed",
            json!({ "restored": restored }),
            if *restored {
                "the relay was restored from a backup, and has everything again".into()
            } else {
                "the relay had lost a part of it, and has everything again".into()
            },
        ),
        Change::Invitation { id } => {
            let fields = json!({ "what": "invitation", "detail": id });
            return Some((fields, format!("invitation {id} went on")));
        }
        Change::Members { plan } => (plan, "members", json!(null), "other members".into()),
        Change::NotDone {
            plan,
            wanted,
            reason,
        } => {
            let not_done = NotDone {
                wanted: wanted.clone(),
                reason: reason.clone(),
            };
            (plan, "not_done", json!(not_done), not_done::told(&not_done))
        }
        Change::Progress { ready, known } => {
            let fields =
                json!({ "what": "progress", "detail": { "ready": ready, "known": known } });
            return Some((fields, format!("{ready} of {known} spaces")));
        }
        Change::Records { plan, records, .. } => {
            let number = records.len();
            (
                plan,
                "records",
                json!(number),
                format!("{number} new records"),
            )
        }
        Change::Restored { plan } => (
            plan,
            "restored",
            json!(null),
            "this device was copied or restored from a backup, and has become another one".into(),
        ),
        Change::Status { .. } => return None,
        Change::Texts { plan, texts } => {
            let number = texts.len();
            (
                plan,
                "texts",
                json!(number),
                format!("{number} notes edited"),
            )
        }
    };
    let fields = json!({ "plan": plan, "what": what, "detail": detail });
    Some((fields, format!("{plan}: {text}")))
}
