//! `take-over`: starting again from a therapist's copy.

use clap::Args;
use serde_json::{Value, json};
use waymark_core::client::{OfferView, PlanId};

use super::{carry_out, people};
use crate::desk::{Desk, DeskError, Place, Which, short};
use crate::page::{Ink, Page, count};
use crate::talk::Talk;

/// Whose offer.
#[derive(Args, Debug)]
pub(crate) struct TakeOver {
    /// Who offers it: the name, or the beginning of the tag. Without a person the offers are shown.
    #[arg(value_name = "PERSON", allow_hyphen_values = true)]
    person: Option<String>,

    #[command(flatten)]
    which: Which,

    /// Do not ask.
    #[arg(long, requires = "person")]
    yes: bool,

    #[command(flatten)]
    place: Place,
}

/// Shows what is offered, and takes one over.
///
/// # Errors
/// [`DeskError`].
pub(crate) fn run(args: &TakeOver, talk: Talk) -> Result<(), DeskError> {
    let (desk, plan) = args.which.open(&args.place, talk)?;
    let offers = desk.client.people().offers(plan)?;
    match &args.person {
        Some(person) => {
            let named = |offer: &OfferView| (offer.person, offer.name.clone());
            take(
                &desk,
                plan,
                people::named(&offers, person, named)?,
                args.yes,
            )
        }
        None => {
            offers.iter().for_each(|offer| show(talk, plan, offer));
            talk.note(match offers.len() {
                0 => "nobody offers a copy here: run `waymark sync`, and ask the therapist".into(),
                number => format!(
                    "{}; `waymark take-over PERSON` takes one over",
                    count(number, "offer")
                ),
            });
            Ok(())
        }
    }
}

fn take(desk: &Desk, plan: PlanId, offer: &OfferView, is_said: bool) -> Result<(), DeskError> {
    let talk = desk.talk;
    show(talk, plan, offer);
    let tag = offer.person.to_string();
    let name = offer.name.as_deref().unwrap_or_else(|| short(&tag));
    talk.note(format_args!(
        "Everything in it is on the word of {name}. From now on it counts here as what it was."
    ));
    talk.consent(is_said, &format!("Take it over from {name}?"))?;
    let came = desk.client.people().take_over(plan, offer.person)?;
    let fields = json!({
        "plan": plan, "person": offer.person, "name": offer.name, "records": came,
    });
    talk.tell("taken_over", fields, |page| {
        let came = usize::try_from(came).unwrap_or(usize::MAX);
        page.line(format_args!("{} came over", count(came, "record")));
    });
    carry_out(desk)
}

fn show(talk: Talk, plan: PlanId, offer: &OfferView) {
    let mut fields = fields(offer);
    fields["plan"] = json!(plan);
    talk.tell("offer", fields, |page| lines(page, offer));
}

fn lines(page: Page, offer: &OfferView) {
    let name = offer.name.as_deref().unwrap_or("(not told yet)");
    let tag = offer.person.to_string();
    let tag = page.ink(Ink::Dim, short(&tag));
    let check_ins = usize::try_from(offer.check_ins).unwrap_or(usize::MAX);
    let months = offer.first_month.zip(offer.last_month);
    let months = months.map(|(first, last)| {
        let month = |date: chrono::NaiveDate| date.format("%B %Y").to_string();
        format!(", {} to {}", month(first), month(last))
    });
    let source = offer.source.map(|plan| plan.to_string());
    let source = source.map(|id| format!(" of plan {}", short(&id)));
    page.line(format_args!(
        "{name} offers a copy{}: {}, {}{}  {tag}",
        source.unwrap_or_default(),
        count(offer.goals.len(), "goal"),
        count(check_ins, "check-in"),
        months.unwrap_or_default(),
    ));
    for goal in &offer.goals {
        page.line(format_args!("  {goal}"));
    }
    match usize::try_from(offer.missing).unwrap_or(usize::MAX) {
        0 => page.line("  everything in it is here already"),
        missing => page.line(format_args!("  {} not here yet", count(missing, "record"))),
    }
}

fn fields(offer: &OfferView) -> Value {
    // It holds texts, numbers and dates only, which JSON has.
    serde_json::to_value(offer).unwrap_or_else(|_| json!({}))
}
