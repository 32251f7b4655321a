//! Writes the foreign-language sources from the built library.
#![forbid(unsafe_code)]

fn main() {
    uniffi::uniffi_bindgen_main();
}
