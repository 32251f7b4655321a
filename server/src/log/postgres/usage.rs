//! The statements on when spaces were last used.

use waymark_wire::ids::SpaceId;

use super::rows::{bound, first, fixed, unsigned};
use super::transaction::PostgresRows;
use crate::log::Day;
use crate::log::rows::{Fault, SpaceNumber, UseRows};

impl UseRows for PostgresRows {
    fn touch(&self, number: SpaceNumber, day: Day) -> Result<(), Fault> {
        self.execute(
            "UPDATE space SET used = $2 WHERE number = $1 AND used >= 0 AND used < $2",
            &[&number.0, &i64::from(day.0)],
        )?;
        Ok(())
    }

    fn used(&self, number: SpaceNumber) -> Result<Day, Fault> {
        let found = self.row(
            "SELECT greatest(used, 0) FROM space WHERE number = $1",
            &[&number.0],
        )?;
        let used = first(found, |row| unsigned(row.try_get(0)?))?;
        let used = used.ok_or(Fault::Damaged("a space is gone"))?;
        Ok(Day(u32::try_from(used).unwrap_or(u32::MAX)))
    }

    fn ran(&self) -> Result<Day, Fault> {
        let found = self.row("SELECT ran FROM relay", &[])?;
        let ran = first(found, |row| unsigned(row.try_get(0)?))?;
        Ok(Day(u32::try_from(ran.unwrap_or(0)).unwrap_or(u32::MAX)))
    }

    fn set_ran(&self, day: Day, later: u32) -> Result<(), Fault> {
        let (day, later) = (i64::from(day.0), i64::from(later));
        // Of two nodes that come at once, one counts what was lost.
        let is_first = self.execute("UPDATE relay SET ran = $1 WHERE ran < $1", &[&day])? > 0;
        if is_first && later > 0 {
            self.execute(
                "UPDATE space SET used = used + $1 WHERE used > 0",
                &[&later],
            )?;
        }
        Ok(())
    }

    fn begin_counting(&self, day: Day, most: usize) -> Result<bool, Fault> {
        let begun = self.execute(
            "UPDATE space SET used = $1 WHERE number IN
             (SELECT number FROM space WHERE used = 0 LIMIT $2 FOR UPDATE SKIP LOCKED)",
            &[&i64::from(day.0), &bound(most)],
        )?;
        Ok(begun > 0)
    }

    fn unused(&self, since: Day) -> Result<Option<SpaceId>, Fault> {
        let found = self.row(
            "SELECT id FROM space WHERE used > 0 AND used < $1 ORDER BY used LIMIT 1",
            &[&i64::from(since.0)],
        )?;
        first(found, |row| Ok(SpaceId(fixed(row.try_get(0)?)?)))
    }

    fn retire(&self, number: SpaceNumber, nobody: &SpaceId) -> Result<(), Fault> {
        for statement in [
            "DELETE FROM checkpoint WHERE space = $1",
            "DELETE FROM confirmation WHERE space = $1",
            "DELETE FROM snapshot WHERE space = $1",
            "DELETE FROM membership WHERE space = $1",
            "DELETE FROM attachment WHERE space = $1",
            "DELETE FROM wake WHERE space = $1",
        ] {
            self.execute(statement, &[&number.0])?;
        }
        self.execute(
            "UPDATE space SET id = $2, bytes = 0, used = -1 WHERE number = $1",
            &[&number.0, &&nobody.0[..]],
        )?;
        Ok(())
    }

    fn leaving(&self) -> Result<Option<SpaceNumber>, Fault> {
        let found = self.row(
            "SELECT number FROM space WHERE used = -1 LIMIT 1 FOR UPDATE SKIP LOCKED",
            &[],
        )?;
        first(found, |row| Ok(SpaceNumber(row.try_get(0)?)))
    }

    fn drop_entries(&self, number: SpaceNumber, most: usize) -> Result<usize, Fault> {
        let dropped = self.execute(
            "DELETE FROM entry WHERE space = $1 AND seq IN
             (SELECT seq FROM entry WHERE space = $1 LIMIT $2)",
            &[&number.0, &bound(most)],
        )?;
        Ok(usize::try_from(dropped).unwrap_or(most))
    }

    fn remove_space(&self, number: SpaceNumber) -> Result<(), Fault> {
        self.execute("DELETE FROM space WHERE number = $1", &[&number.0])?;
        Ok(())
    }
}
