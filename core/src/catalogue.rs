//! The catalogue: what ships with the engine and belongs to nobody: texts in several languages and
//! templates of goals, in our own wording.
//!
//! Views and records hold **keys** and arguments, never sentences, so that two people read the same
//! plan each in their own language. [`Texts::say`] turns a key into a sentence. A template becomes a
//! goal's first wording, which the person then changes.
//!
//! The files lie under `catalogue/`. A test holds all languages to the same keys and arguments, and
//! to words that blame nobody.

mod language;
mod templates;
mod texts;

pub use language::Language;
pub use templates::{Template, TemplateSchedule, TemplateTarget, template, templates};
pub use texts::{Argument, Texts, texts};

/// The version of the catalogue. It rises when a text or a template changes its meaning; keys are
/// never used for anything else.
pub const VERSION: u32 = 1;

#[cfg(test)]
mod wording;
