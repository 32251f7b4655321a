//! Sessions with what belongs to them: the agenda, the notes, and the homework, which is steps of the
//! action plan.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::model::ids::{PersonTag, RecordId};
use crate::model::item::Thing;
use crate::model::json;
use crate::model::kinds::action_step::ActionStep;
use crate::model::kinds::agenda_item::AgendaItem;
use crate::model::kinds::homework::Homework;
use crate::model::kinds::note::NoteView;
use crate::model::kinds::session::Session;
use crate::model::plan::Plan;

/// A session with what belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SessionView {
    /// Its id.
    pub id: RecordId,
    /// What it says. Where people contradict each other, what one of them says: on every device the
    /// same one.
    pub session: Session,
    /// What others say at the same time; changing the session settles it.
    pub others: Vec<Session>,
    /// Who began it.
    pub authors: Vec<PersonTag>,
    /// When it was written down first, by the writer's clock.
    #[serde(serialize_with = "json::instant_opt")]
    pub at: Option<DateTime<Utc>>,
    /// What is to be talked about, in the order in which it was added.
    pub agenda: Vec<AgendaView>,
    /// The notes about it, oldest first. Their texts are read and edited as all texts.
    pub notes: Vec<NoteView>,
    /// The steps that were agreed on in it, in the order in which they were.
    pub homework: Vec<HomeworkView>,
}

/// Something on the agenda of a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct AgendaView {
    /// Its id.
    pub id: RecordId,
    /// What it says.
    pub item: AgendaItem,
    /// What others say at the same time; changing the item settles it.
    pub others: Vec<AgendaItem>,
    /// Who added it.
    pub authors: Vec<PersonTag>,
}

/// A step that was agreed on in a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HomeworkView {
    /// The step's id, under which it is changed as all steps.
    pub step_id: RecordId,
    /// What it says now.
    pub step: ActionStep,
}

impl Plan {
    /// The sessions in the order in which they begin, last those without a time.
    pub fn sessions(&self) -> Vec<SessionView> {
        let mut agenda = of_session(self.things::<AgendaItem>(), |item| item.session);
        let mut homework = of_session(self.things::<Homework>(), |link| link.session);
        let steps = self.things::<ActionStep>().into_iter();
        let steps: BTreeMap<_, _> = steps.map(|step| (step.id, step)).collect();
        let notes = self.notes();
        let mut sessions = self.things::<Session>();
        sessions.sort_by_key(|session| {
            let begins = session.fields.begins;
            (begins.is_none(), begins, session.at, session.id)
        });
        let view = |session: Thing<Session>| {
            let links = homework.remove(&session.id).unwrap_or_default();
            let given = links.iter().filter_map(|link| steps.get(&link.fields.step));
            // Links say neither when nor by whom: steps do.
            let mut given: Vec<_> = given.collect();
            given.sort_by_key(|step| (step.at, step.id));
            let about = notes.iter().filter(|note| note.about == Some(session.id));
            let agenda = agenda.remove(&session.id).unwrap_or_default();
            SessionView {
                id: session.id,
                authors: session.persons(),
                at: session.at,
                agenda: agenda.into_iter().map(AgendaView::from).collect(),
                notes: about.cloned().collect(),
                homework: given.into_iter().map(HomeworkView::from).collect(),
                session: session.fields,
                others: session.others,
            }
        };
        sessions.into_iter().map(view).collect()
    }
}

impl From<Thing<AgendaItem>> for AgendaView {
    fn from(thing: Thing<AgendaItem>) -> Self {
        Self {
            id: thing.id,
            authors: thing.persons(),
            item: thing.fields,
            others: thing.others,
        }
    }
}

impl From<&Thing<ActionStep>> for HomeworkView {
    fn from(thing: &Thing<ActionStep>) -> Self {
        Self {
            step_id: thing.id,
            step: thing.fields.clone(),
        }
    }
}

/// Things by their sessions, each in the order in which it began.
fn of_session<F>(
    things: Vec<Thing<F>>,
    session: impl Fn(&F) -> RecordId,
) -> BTreeMap<RecordId, Vec<Thing<F>>> {
    let mut of: BTreeMap<RecordId, Vec<Thing<F>>> = BTreeMap::new();
    for thing in things {
        of.entry(session(&thing.fields)).or_default().push(thing);
    }
    of
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::model::item::Fields;
    use crate::model::testing::{Space, client, therapist};
    use crate::model::{Kind, NewNote, StepStatus, TextId};

    fn begin(space: &mut Space) -> RecordId {
        let session = Session::sample(space);
        space.put(therapist(), |plan, stamp| plan.add(&session, None, stamp))
    }

    fn texts(space: &Space) -> Vec<String> {
        let sessions = space.plan().sessions();
        let agenda = sessions[0].agenda.iter();
        agenda.map(|on| on.item.text.clone()).collect()
    }

    /// What one of both wanted to talk about would be forgotten, because the other thought of
    /// something else in the same week.
    #[test]
    fn what_both_add_offline_is_all_on_the_agenda_in_one_order() {
        let mut phone = Space::default();
        let session = begin(&mut phone);
        let mut tablet = phone.clone();
        let add = |space: &mut Space, author, clock, text: &str| {
            let text = text.into();
            let is_done = false;
            let item = AgendaItem {
                session,
                text,
                is_done,
            };
            space.clock = clock;
            space.put(author, |plan, stamp| plan.add(&item, None, stamp))
        };
        add(&mut phone, client(), 10, "The evenings");
        let done = add(&mut tablet, therapist(), 20, "How the week went");
        add(&mut phone, client(), 30, "My sister");
        // Both think of the same: it was said twice, and is there twice.
        add(&mut tablet, therapist(), 40, "My sister");
        phone.merge(&tablet);
        tablet.merge(&phone);
        let expected = [
            "The evenings",
            "How the week went",
            "My sister",
            "My sister",
        ];
        assert_eq!(texts(&phone), expected);
        assert_eq!(phone.plan().sessions(), tablet.plan().sessions());
        // What was talked about is ticked off by either, and another one's item stays as it was.
        let mut item = AgendaItem {
            session,
            text: "How the week went".into(),
            is_done: true,
        };
        phone.clock = 50;
        phone.put(client(), |p, s| p.change(None, done, &item, s));
        item.text = "How the last two weeks went".into();
        item.is_done = false;
        tablet.clock = 50;
        tablet.put(therapist(), |p, s| p.change(None, done, &item, s));
        phone.merge(&tablet);
        let sessions = phone.plan().sessions();
        let agenda = &sessions[0].agenda;
        assert_eq!((agenda.len(), agenda[1].others.len()), (4, 1));
    }

    /// Homework that nobody sees among the steps is not done, and a step that is changed there would
    /// stay as it was in the session.
    #[test]
    fn homework_is_a_step_of_the_plan() {
        let mut space = Space::default();
        let session = begin(&mut space);
        space.clock += 1;
        let mut step = ActionStep::sample(&mut space);
        let id = space.put(therapist(), |p, s| p.add(&step, None, s));
        let link = Homework { session, step: id };
        space.put(therapist(), |p, s| p.add(&link, None, s));
        space.clock += 1;
        // Said twice, it is given once.
        space.put(client(), |p, s| p.add(&link, None, s));
        step.status = StepStatus::Completed;
        space.put(client(), |p, s| p.change(None, id, &step, s));
        let sessions = space.plan().sessions();
        let shown = HomeworkView { step_id: id, step };
        assert_eq!(sessions[0].homework, [shown]);
        assert_eq!(space.plan().items(Kind::ActionStep).len(), 1);
        // A step that is removed is no homework any more.
        space.clock += 1;
        let kind = Kind::ActionStep;
        space.put(client(), |p, s| kind.remove(p, None, id, s));
        assert_eq!(space.plan().sessions()[0].homework, []);
    }

    /// A session would be looked for under the day on which somebody wrote it down, and its notes
    /// elsewhere.
    #[test]
    fn sessions_stand_in_the_order_in_which_they_begin_with_their_notes() {
        let mut space = Space::default();
        let at = |ms| Session {
            begins: DateTime::from_timestamp_millis(ms),
            ..Session::default()
        };
        let open = Session::default();
        let mut put = |session: &Session| {
            space.clock += 1;
            space.put(client(), |p, s| p.add(session, None, s))
        };
        let (open, later, sooner) = (
            put(&open),
            put(&at(1_777_900_000_000)),
            put(&at(1_777_800_000_000)),
        );
        let note = NewNote {
            text: TextId([7; 16]),
            about: Some(later),
            title: None,
        };
        space.put(therapist(), |p, s| note.record(p, s));
        let sessions = space.plan().sessions();
        let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
        assert_eq!(ids, [sooner, later, open]);
        assert_eq!(sessions[1].notes[0].text, TextId([7; 16]));
        assert!(sessions[0].notes.is_empty());
    }

    proptest! {
        /// An item would be lost, or stand elsewhere on the other's device, by the order in which both
        /// add, tick off and hear of each other.
        #[test]
        fn whatever_both_do_the_agenda_has_it_all_and_is_one(
            deeds in vec((0..2_usize, 0..3_u8, any::<Index>(), any::<bool>()), 1..24),
        ) {
            let mut first = Space::default();
            let session = begin(&mut first);
            let mut devices = [first.clone(), first];
            let mut added = Vec::new();
            for (clock, (device, what, which, is_done)) in (1..).zip(deeds) {
                let other = devices[1 - device].clone();
                let (space, author) = (&mut devices[device], [client(), therapist()][device]);
                space.clock = clock;
                let known = space.plan().sessions()[0].agenda.clone();
                match (what, known.is_empty()) {
                    (0, _) => space.merge(&other),
                    (1, false) => {
                        let known = &known[which.index(known.len())];
                        let item = AgendaItem { is_done, ..known.item.clone() };
                        space.put(author, |p, s| p.change(None, known.id, &item, s));
                    }
                    _ => {
                        let text = format!("{clock}");
                        let item = AgendaItem { session, text, is_done };
                        added.push(space.put(author, |p, s| p.add(&item, None, s)));
                    }
                }
            }
            let [mut phone, mut tablet] = devices;
            phone.merge(&tablet);
            tablet.merge(&phone);
            let sessions = phone.plan().sessions();
            prop_assert_eq!(&sessions, &tablet.plan().sessions());
            let agenda: Vec<_> = sessions[0].agenda.iter().map(|on| on.id).collect();
            prop_assert_eq!(agenda, added);
        }
    }
}
