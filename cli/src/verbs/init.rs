//! `init`: a new person's first device.

use clap::Args;
use serde_json::json;
use waymark_core::model::NewSettings;

use crate::desk::{Desk, DeskError, Place, Settings, local_zone};
use crate::talk::Talk;

/// How a person begins.
#[derive(Args, Debug)]
pub(crate) struct Init {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    names: Names,

    /// The relay's address, such as https://relay.example.
    #[arg(long, value_name = "URL")]
    relay: Option<String>,

    /// Create no plan: for therapists, who work in their clients' plans.
    #[arg(long)]
    no_plan: bool,
}

/// What the person and the device are called.
#[derive(Args, Debug)]
pub(crate) struct Names {
    /// The person's name, as others will see it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The device's name, such as `desk`.
    #[arg(long, value_name = "NAME")]
    device_name: Option<String>,
}

impl Names {
    /// The person's and the device's name, asked for where they were not given.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where there is nobody to ask.
    pub(super) fn given(&self, talk: Talk) -> Result<(String, String), DeskError> {
        let name = talk.given(self.name.as_deref(), "--name", "Your name")?;
        let device = self.device_name.as_deref();
        let device = talk.given(device, "--device-name", "This device's name")?;
        Ok((name, device))
    }

    /// The same, as the device knows them where they were not given.
    ///
    /// # Errors
    /// [`DeskError::Wrong`] where there is nobody to ask.
    pub(super) fn own(&self, desk: &Desk) -> Result<(String, String), DeskError> {
        let devices = desk.client.people().devices().unwrap_or_default();
        let own = devices.into_iter().find(|device| device.this_device);
        let (name, device_name) = own.map(|own| (own.name, own.device_name)).unzip();
        let names = Self {
            name: self.name.clone().or(name.flatten()),
            device_name: self.device_name.clone().or(device_name.flatten()),
        };
        names.given(desk.talk)
    }
}

/// The relay's address, asked for where it was not given.
///
/// # Errors
/// [`DeskError::Wrong`] where there is nobody to ask.
pub(super) fn relay(talk: Talk, given: Option<&str>) -> Result<String, DeskError> {
    talk.given(given, "--relay", "The relay's address")
}

/// Begins.
///
/// # Errors
/// [`DeskError`]; then there is no device.
pub(crate) fn run(args: &Init, talk: Talk) -> Result<(), DeskError> {
    let (name, device_name) = args.names.given(talk)?;
    let settings = Settings::new(&relay(talk, args.relay.as_deref())?);
    let desk = Desk::make(&args.place, talk, settings)?;
    let people = desk.client.people();
    let begun = people.begin(&name, &device_name).and_then(|()| {
        let plan = (!args.no_plan).then(|| people.create_plan());
        let plan = plan.transpose()?;
        // For whoever reads the plan elsewhere, days count where the client is.
        if let Some((plan, zone)) = plan.zip(local_zone()) {
            let settings = NewSettings {
                time_zone: Some(zone),
                ..NewSettings::default()
            };
            desk.client.goals().set_settings(plan, &settings)?;
        }
        Ok(plan)
    });
    let plan = match begun {
        Ok(plan) => plan,
        Err(error) => {
            desk.unmake();
            return Err(error.into());
        }
    };
    let directory = args.place.directory().display().to_string();
    let key_file = args.place.key_file().display().to_string();
    let fields = json!({
        "directory": directory, "key_file": key_file, "plan": plan,
        "relay": desk.settings.relay, "time_zone": desk.settings.time_zone,
    });
    talk.tell("begun", fields, |page| {
        page.line(format_args!("{name} has begun in {directory}"));
        if let Some(plan) = plan {
            page.line(format_args!("plan {plan}"));
        }
    });
    talk.note(format_args!(
        "Whoever has {key_file} and the directory reads everything: keep the key where only you are.\n\
         Next: `waymark recover new` for 24 words that bring it back, `waymark invite` to share it."
    ));
    Ok(())
}
