import Foundation

extension Waymark {
    /// Syncs for so many seconds at most. What is read and sent by then is kept, and the next sync goes
    /// on from there.
    public func sync(seconds: TimeInterval) async throws -> SyncEnd {
        try await syncWithin(budget: seconds)
    }

    /// Stays connected until the task is cancelled, as a screen in front does: what others write arrives
    /// as it is written, what this device writes is sent at once.
    public func stayLive() async throws {
        let live = try goLive()
        defer { live.stop() }
        while !Task.isCancelled {
            try await Task.sleep(nanoseconds: 3_600_000_000_000)
        }
    }
}

/// A log from a closure. It runs on the library's log thread.
private final class Sink: LogSink {
    private let write: @Sendable (LogEvent) -> Void

    init(_ write: @escaping @Sendable (LogEvent) -> Void) {
        self.write = write
    }

    func log(event: LogEvent) throws {
        write(event)
    }
}

/// Has the library's events written by `write` from now on; they hold nothing that people wrote.
public func logTo(_ level: LogLevel, _ write: @escaping @Sendable (LogEvent) -> Void) throws {
    try setLogSink(sink: Sink(write), level: level)
}

#if canImport(BackgroundTasks) && os(iOS)
    import BackgroundTasks

    /// Sync in the background by `BGTaskScheduler`. The identifier stands in `Info.plist` under
    /// `BGTaskSchedulerPermittedIdentifiers`.
    public enum BackgroundSync {
        /// Registers the task; call it before the app has finished launching.
        public static func register(
            identifier: String, client: @escaping @Sendable () async -> Waymark?
        ) {
            BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { task in
                schedule(identifier: identifier)
                let running = Running(task: task)
                let work = Task {
                    guard let client = await client() else { return running.end(true) }
                    // The system grants about thirty seconds; closing needs a moment of them.
                    let woken = try? await client.onWake(budget: 25)
                    running.end(woken == .done)
                }
                task.expirationHandler = {
                    work.cancel()
                    Task { try? await client()?.suspend() }
                }
            }
        }

        /// Asks for the next time, six hours from now at the earliest.
        public static func schedule(identifier: String) {
            let request = BGAppRefreshTaskRequest(identifier: identifier)
            request.earliestBeginDate = Date(timeIntervalSinceNow: 6 * 60 * 60)
            try? BGTaskScheduler.shared.submit(request)
        }
    }

    /// The system's task may be ended from any thread, once.
    private struct Running: @unchecked Sendable {
        let task: BGTask

        func end(_ done: Bool) {
            task.setTaskCompleted(success: done)
        }
    }
#endif
