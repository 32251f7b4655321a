//! The statements on tokens by which members are woken.

use waymark_wire::ids::DeviceNumber;

use super::transaction::PostgresRows;
use crate::log::rows::{Fault, SpaceNumber, WakeRows};

impl WakeRows for PostgresRows {
    fn set_wake(
        &self,
        number: SpaceNumber,
        device: DeviceNumber,
        token: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let device = i64::from(device.0);
        match token {
            Some(token) => self.execute(
                "INSERT INTO wake (space, device, token) VALUES ($1, $2, $3)
                 ON CONFLICT (space, device) DO UPDATE SET token = excluded.token",
                &[&number.0, &device, &token],
            )?,
            None => self.execute(
                "DELETE FROM wake WHERE space = $1 AND device = $2",
                &[&number.0, &device],
            )?,
        };
        Ok(())
    }

    fn wakes(&self, number: SpaceNumber) -> Result<Vec<(DeviceNumber, Vec<u8>)>, Fault> {
        let rows = self.query(
            "SELECT device, token FROM wake WHERE space = $1",
            &[&number.0],
        )?;
        let wakes = rows.iter().map(|row| {
            let device = u16::try_from(row.try_get::<_, i64>(0)?);
            let device = device.map_err(|_| Fault::Damaged("there is no such device number"))?;
            Ok((DeviceNumber(device), row.try_get(1)?))
        });
        wakes.collect()
    }
}
