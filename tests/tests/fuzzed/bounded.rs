//! What an input may cost: time of the processor and memory, as the operating system counts them.

use std::fs;

/// Bounds that inputs are held to, one after another.
pub struct Bounds {
    nanos: u64,
    kib: u64,
    /// What the process held at its start.
    base: u64,
}

/// Runs `work` with bounds for each of its inputs: nanoseconds of the processor, and KiB above what
/// the process holds now. Where the operating system does not tell, nothing is measured.
pub fn within(nanos: u64, kib: u64, work: impl FnOnce(&Bounds)) {
    // From here on the peak counts anew. Where this is refused it is older, and only larger.
    let _ = fs::write("/proc/self/clear_refs", "5");
    work(&Bounds {
        nanos,
        kib,
        base: memory("VmRSS:"),
    });
}

impl Bounds {
    /// Does something with one input, and fails where that costs more.
    pub fn hold(&self, work: impl FnOnce()) {
        let before = processor_time();
        work();
        let nanos = processor_time().saturating_sub(before);
        assert!(nanos <= self.nanos, "{} ms", nanos / 1_000_000);
        let grown = memory("VmHWM:").saturating_sub(self.base);
        assert!(grown <= self.kib, "{grown} KiB");
    }
}

/// Nanoseconds that this thread has had of the processor.
pub fn processor_time() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.unwrap_or(0)
}

/// KiB of this process.
fn memory(name: &str) -> u64 {
    let told = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0)
}
