//! What is kept of the list of plans: a row for each plan, and a page with all of them.
//!
//! Opening two hundred sealed rows takes longer than reading them. So the rows stand once more in one
//! page, which is opened at once. Whatever changes a plan drops its row and the page in the same
//! transaction ([`outdate`](crate::space)); then the rows of the other plans are read one by one, and
//! the page is made again with the row that was missing.

use minicbor::{Decode, Encode};
use waymark_wire::codec;
use waymark_wire::ids::Height;

use crate::model::{Counts, Glance, Outlook};
use crate::space::{SUMMARIES, SUMMARY_PAGE, summary_key};
use crate::store::{Store, StoreError, Table, Transaction};

/// How rows and page are made. Another number is made by another version, and made again.
const FORM: u16 = 3;

/// The row of a plan.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Row {
    /// The plan's local number.
    #[n(0)]
    pub(super) number: u32,
    /// What its membership was made of then.
    #[n(1)]
    pub(super) height: Option<Height>,
    #[n(2)]
    pub(super) outlook: Outlook,
    #[n(3)]
    form: u16,
}

impl Row {
    pub(super) const fn new(number: u32, height: Option<Height>, outlook: Outlook) -> Self {
        Self {
            number,
            height,
            outlook,
            form: FORM,
        }
    }
}

/// What there is of the list.
#[derive(Debug)]
pub(super) enum Kept {
    Page(Page),
    /// By number, where there is no page.
    Rows(Vec<Row>),
}

/// All rows in one. It is flat: two hundred plans are read with few allocations.
#[derive(Debug, Decode, Encode)]
#[cbor(array)]
pub(super) struct Page {
    #[n(0)]
    form: u16,
    /// By number.
    #[n(1)]
    plans: Vec<Plan>,
    /// The days of one plan after another.
    #[n(2)]
    days: Vec<Counts>,
    /// The time zones that plans name.
    #[n(3)]
    zones: Vec<String>,
}

#[derive(Debug, Decode, Encode)]
#[cbor(array)]
struct Plan {
    #[n(0)]
    number: u32,
    #[n(1)]
    height: Option<Height>,
    #[n(2)]
    first: i32,
    /// Where its days begin and end.
    #[n(3)]
    from: u32,
    #[n(4)]
    to: u32,
    #[n(5)]
    last_check_in: Option<i32>,
    /// The place of its zone.
    #[n(6)]
    zone: Option<u32>,
    #[n(7)]
    cut_off_hour: u8,
}

impl Page {
    fn of(rows: &[Row]) -> Self {
        let mut page = Self {
            form: FORM,
            plans: Vec::with_capacity(rows.len()),
            days: Vec::new(),
            zones: Vec::new(),
        };
        for row in rows {
            let glance = row.outlook.glance();
            let from = count(page.days.len());
            page.days.extend(glance.days);
            let zone = glance.time_zone.map(|zone| page.zone(zone));
            page.plans.push(Plan {
                number: row.number,
                height: row.height,
                first: glance.first,
                from,
                to: count(page.days.len()),
                last_check_in: glance.last_check_in,
                zone,
                cut_off_hour: glance.cut_off_hour,
            });
        }
        page
    }

    fn zone(&mut self, zone: &str) -> u32 {
        let known = self.zones.iter().position(|known| known == zone);
        count(known.unwrap_or_else(|| {
            self.zones.push(zone.to_owned());
            self.zones.len() - 1
        }))
    }

    /// Whether it was made like this, and all that plans point to is there.
    fn is_whole(&self) -> bool {
        self.form == FORM
            && self
                .plans
                .is_sorted_by(|one, next| one.number < next.number)
            && self.plans.iter().all(|plan| self.glance(plan).is_some())
    }

    fn glance(&self, plan: &Plan) -> Option<Glance<'_>> {
        let days = usize::try_from(plan.from).ok()?..usize::try_from(plan.to).ok()?;
        let zone = match plan.zone {
            Some(zone) => Some(self.zones.get(usize::try_from(zone).ok()?)?.as_str()),
            None => None,
        };
        Some(Glance {
            first: plan.first,
            days: self.days.get(days)?,
            last_check_in: plan.last_check_in,
            time_zone: zone,
            cut_off_hour: plan.cut_off_hour,
        })
    }

    fn rows(&self) -> Vec<Row> {
        let row = |plan: &Plan| {
            let outlook = self.glance(plan)?.to_outlook();
            Some(Row::new(plan.number, plan.height, outlook))
        };
        self.plans.iter().filter_map(row).collect()
    }
}

impl Kept {
    /// Reads the page, or else the rows. What cannot be read is made again.
    pub(super) fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let page = match store.get(Table::Meta, SUMMARY_PAGE) {
            Err(StoreError::Damaged { .. }) => None,
            page => page?,
        };
        let page: Option<Page> = page.and_then(|page| codec::decode(&page, usize::MAX).ok());
        match page.filter(Page::is_whole) {
            Some(page) => Ok(Self::Page(page)),
            None => Ok(Self::Rows(rows(store)?)),
        }
    }

    /// Whether nobody has looked at the list yet, as far as can be told from it.
    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Self::Page(page) => page.plans.is_empty(),
            Self::Rows(rows) => rows.is_empty(),
        }
    }

    /// What is kept of a plan, as long as nobody joined or left since.
    pub(super) fn of(&self, number: u32, height: Option<Height>) -> Option<Glance<'_>> {
        match self {
            Self::Page(page) => {
                let place = page.plans.binary_search_by_key(&number, |plan| plan.number);
                let plan = page.plans.get(place.ok()?)?;
                page.glance(plan).filter(|_| plan.height == height)
            }
            Self::Rows(rows) => {
                let place = rows.binary_search_by_key(&number, |row| row.number);
                let row = rows.get(place.ok()?)?;
                (row.height == height).then(|| row.outlook.glance())
            }
        }
    }

    /// Writes rows that were made anew, and the page with all of the list.
    pub(super) fn keep(self, made: Vec<Row>, transaction: &mut Transaction) {
        let mut rows = match self {
            Self::Page(_) if made.is_empty() => return,
            Self::Page(page) => page.rows(),
            Self::Rows(rows) => rows,
        };
        for row in made {
            transaction.put(Table::Meta, summary_key(row.number), codec::encode(&row));
            match rows.binary_search_by_key(&row.number, |row| row.number) {
                Ok(place) => rows[place] = row,
                Err(place) => rows.insert(place, row),
            }
        }
        let page = codec::encode(&Page::of(&rows));
        transaction.put(Table::Meta, SUMMARY_PAGE, page);
    }
}

/// The rows one by one.
fn rows(store: &dyn Store) -> Result<Vec<Row>, StoreError> {
    let rows = match store.scan(Table::Meta, SUMMARIES, None, usize::MAX) {
        Err(StoreError::Damaged { .. }) => Vec::new(),
        rows => rows?,
    };
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let row: Row = codec::decode(&value, usize::MAX).ok()?;
        (row.form == FORM && key == summary_key(row.number)).then_some(row)
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
