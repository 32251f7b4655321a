//! What `invite`, `accept` and `link` have in common: waiting for the other side, and comparing six
//! digits.
//!
//! Either side may stop at any step and go on later (`--resume`): the two need never be online
//! together.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use waymark_core::client::{
    ErrorClass, Invitation, InvitationEnd, InvitationId, InvitationStage, InvitationView,
};
use waymark_core::pairing::{Purpose, Side};

use super::kept;
use crate::desk::{Desk, DeskError, short};
use crate::page::Ink;
use crate::waiting::Waiting;

/// Whether to wait, and what to go on with.
#[derive(Args, Debug)]
pub(super) struct Again {
    /// Go on with an invitation: its id, or the beginning of it, as `status` shows it.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    resume: Option<String>,

    /// Refuse an invitation or take it back; the other side is told.
    #[arg(
        long,
        value_name = "ID",
        allow_hyphen_values = true,
        conflicts_with = "resume"
    )]
    refuse: Option<String>,

    /// Do what can be done now and do not wait for the other side.
    #[arg(long)]
    no_wait: bool,
}

impl Again {
    /// Goes on with what was begun before; `None` where something new is to begin.
    pub(super) fn run(&self, desk: &Desk) -> Option<Result<(), DeskError>> {
        let resumed = self.resume.as_ref().map(|id| self.resume(desk, id));
        resumed.or_else(|| self.refuse.as_ref().map(|id| refuse(desk, id)))
    }

    fn resume(&self, desk: &Desk, id: &str) -> Result<(), DeskError> {
        let id = find(desk, id)?;
        if let Ok(invitation) = desk.client.invitations().show(id) {
            show(desk, &invitation);
        }
        self.follow(desk, id)
    }

    /// Leads an invitation to its end, or as far as it goes now.
    pub(super) fn follow(&self, desk: &Desk, id: InvitationId) -> Result<(), DeskError> {
        loop {
            let view = self.advance(desk, id)?;
            match view.stage {
                InvitationStage::Comparing => compare(desk, &view)?,
                InvitationStage::Done => return done(desk, &view),
                InvitationStage::Ended => return Err(ended(desk, &view)),
                _ => {
                    waits(desk, &view);
                    return Ok(());
                }
            }
        }
    }

    /// Syncs until somebody here is asked or it is over; once, where nobody is to wait.
    fn advance(&self, desk: &Desk, id: InvitationId) -> Result<InvitationView, DeskError> {
        let begun = Instant::now();
        let waiting = Waiting::new("syncing");
        desk.block_on(async {
            loop {
                // Within one sync a new device can get in and find all of its person's spaces.
                let synced = desk.syncing(&waiting).await;
                let view = desk.client.invitations().get(id)?;
                let goes_on = matches!(
                    view.stage,
                    InvitationStage::Comparing | InvitationStage::Done | InvitationStage::Ended
                );
                if goes_on {
                    return Ok(view);
                }
                match (synced, &view.problem) {
                    (Err(error), Some(_)) if self.no_wait => return Err(kept(desk, error)),
                    (Err(error), Some(_)) if error.class() == ErrorClass::Wait => {
                        waiting.say(&format!("{error}; trying again"));
                    }
                    (Err(error), Some(_)) => return Err(error.into()),
                    // What keeps other spaces from being in sync is not this one's matter.
                    _ if self.no_wait => return Ok(view),
                    _ => waiting.say(&told(&view)),
                }
                let is_new = begun.elapsed() < Duration::from_secs(60);
                tokio::time::sleep(if is_new { OFTEN } else { SELDOM }).await;
            }
        })
    }
}

/// Says what the other side needs. It is a secret.
pub(super) fn show(desk: &Desk, invitation: &Invitation) {
    let Invitation {
        id,
        link,
        code,
        expires,
    } = invitation;
    let fields = json!({
        "id": id, "link": link, "short_code": code, "expires": expires.to_rfc3339(),
    });
    desk.talk.tell("invited", fields, |page| {
        page.line(format_args!("link, also as a QR code's content: {link}"));
        page.line(format_args!("or typed, with the same relay: {code}"));
        page.line(format_args!(
            "until {}",
            expires.format("%-d %B %Y, %H:%M UTC")
        ));
    });
    desk.talk
        .note("Whoever has the link can answer it: give it to the one person only.");
}

/// Lists what is not over.
pub(super) fn open(desk: &Desk) {
    let is_open = |view: &InvitationView| {
        !matches!(view.stage, InvitationStage::Done | InvitationStage::Ended)
    };
    let all = desk.client.invitations().list();
    for view in all.iter().filter(|view| is_open(view)) {
        desk.talk.tell("invitation", fields(view), |page| {
            let id = view.id.to_string();
            let id = page.ink(Ink::Bold, format_args!("invitation {}", short(&id)));
            page.line(format_args!("{id}: {}", told(view)));
        });
    }
}

fn refuse(desk: &Desk, id: &str) -> Result<(), DeskError> {
    let id = find(desk, id)?;
    desk.client.invitations().refuse(id)?;
    // The other side's relay may have other problems; what counts is that it is over here.
    if let Err(error) = desk.sync() {
        desk.talk
            .note(format_args!("the other side is not told yet: {error}"));
    }
    desk.talk.tell("refused", json!({ "id": id }), |page| {
        page.line("the invitation is over");
    });
    Ok(())
}

fn find(desk: &Desk, begins: &str) -> Result<InvitationId, DeskError> {
    let all = desk.client.invitations().list();
    let mut found = all
        .iter()
        .filter(|view| view.id.to_string().starts_with(begins));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => Err(DeskError::Wrong(format!(
            "no invitation's id begins {begins}"
        ))),
        _ => Err(DeskError::Wrong(format!(
            "more than one invitation's id begins {begins}"
        ))),
    }
}

fn compare(desk: &Desk, view: &InvitationView) -> Result<(), DeskError> {
    let talk = desk.talk;
    let code = view.code.as_deref().unwrap_or_default();
    let name = view.name.as_deref().unwrap_or("the other");
    talk.tell("compare", fields(view), |page| {
        page.line(page.ink(Ink::Bold, format_args!("  {code}")));
    });
    talk.note("Ask in person or on the telephone, not where the link was sent.");
    let answer = talk.ask_yes(&format!("Does {name} see {code}?"));
    let equal = answer.inspect_err(|_| hint(desk, view))?;
    desk.client.invitations().confirm(view.id, equal)?;
    if !equal {
        talk.note("Somebody may stand between you. Nothing of theirs was believed.");
    }
    Ok(())
}

fn done(desk: &Desk, view: &InvitationView) -> Result<(), DeskError> {
    // Whoever has just got in reads what is there.
    let synced = desk.sync();
    let name = view.name.as_deref().unwrap_or("the other");
    desk.talk.tell("connected", fields(view), |page| {
        page.line(match (view.purpose, view.side) {
            (Purpose::Device, Side::Inviter) => "the new device is in".into(),
            (Purpose::Device, Side::Invited) => "this device is in".into(),
            _ => format!("connected with {name}"),
        });
    });
    synced.map_err(|error| kept(desk, error))
}

fn ended(desk: &Desk, view: &InvitationView) -> DeskError {
    // Let the other side know; a relay that is not there changes nothing about it.
    let _ = desk.sync();
    desk.talk.tell("ended", fields(view), |_| ());
    let why = match view.end {
        Some(InvitationEnd::CodesDiffer) => "the other saw other digits",
        Some(InvitationEnd::Declined) => "the other declined",
        Some(InvitationEnd::Expired) => "its time was up",
        Some(InvitationEnd::Fault) => "the other's device found something wrong",
        Some(InvitationEnd::Taken) => "somebody else was let in first",
        Some(InvitationEnd::Untrusted) => "what came was not from the other, and was not believed",
        Some(InvitationEnd::Withdrawn) => "it was refused here",
        Some(InvitationEnd::NotPossible) | None => "it could not be carried out",
    };
    let detail = view.problem_detail.as_deref().map(|why| format!(": {why}"));
    DeskError::Ended(format!("{why}{}", detail.unwrap_or_default()))
}

fn waits(desk: &Desk, view: &InvitationView) {
    desk.talk.tell("waiting", fields(view), |page| {
        page.line(told(view));
    });
    hint(desk, view);
}

/// Says how to go on later.
fn hint(desk: &Desk, view: &InvitationView) {
    let verb = match (view.purpose, view.side) {
        (Purpose::Device, _) => "link",
        (_, Side::Invited) => "accept",
        (_, Side::Inviter) => "invite",
    };
    let id = view.id.to_string();
    let id = short(&id);
    desk.talk
        .note(format_args!("to go on: `waymark {verb} --resume {id}`"));
}

fn told(view: &InvitationView) -> String {
    let name = view.name.as_deref().unwrap_or("the other side");
    match view.stage {
        InvitationStage::Agreed => format!("letting in: {name}"),
        InvitationStage::Answered => format!("accepted; waiting for {name}"),
        InvitationStage::Comparing => format!("compare the digits with {name}"),
        InvitationStage::Confirmed => format!("waiting for the word of {name}"),
        InvitationStage::Done => format!("done: {name}"),
        InvitationStage::Ended => "over".into(),
        InvitationStage::Inviting => "waiting for an answer".into(),
        InvitationStage::Offered => format!("{name} has offered"),
        InvitationStage::Opening => "waiting for who invites".into(),
    }
}

fn fields(view: &InvitationView) -> Value {
    // It holds texts and times only, which JSON has.
    serde_json::to_value(view).unwrap_or_else(|_| json!({}))
}

/// How often the mailbox is looked at while two people sit before it, and afterwards.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(5);
