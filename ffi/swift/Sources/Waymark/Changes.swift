import Foundation

extension Change {
    /// The plan, or home as a space, that it is of; none where it is of the whole device.
    public var plan: PlanId? {
        switch self {
        case .forgotten(let plan, _), .forked(let plan), .healed(let plan, _), .members(let plan),
            .notDone(let plan, _, _), .records(let plan, _, _), .restored(let plan),
            .status(let plan), .texts(let plan, _):
            return plan
        case .invitation, .progress:
            return nil
        }
    }
}

/// A listener from a closure. It runs on the library's one thread.
private final class Listener: ChangeListener {
    private let heard: @Sendable ([Change]) -> Void

    init(_ heard: @escaping @Sendable ([Change]) -> Void) {
        self.heard = heard
    }

    func changed(changes: [Change]) throws {
        heard(changes)
    }
}

extension Waymark {
    /// What others change, and how the sync goes, in order and without loss as long as it is read. It
    /// goes on over `suspend()` and `resume()`.
    public func changes() throws -> AsyncStream<Change> {
        let (stream, told) = AsyncStream.makeStream(of: Change.self)
        let subscription = try listen(listener: Listener { $0.forEach { told.yield($0) } })
        told.onTermination = { _ in subscription.stop() }
        return stream
    }

    /// What `read` shows of a plan: at once, and again whenever it has changed, through others or
    /// through ``edit(_:_:)``. Several changes in a row are read once. It ends with an error of `read`.
    public func watch<Value: Sendable & Equatable>(
        _ plan: PlanId,
        _ read: @escaping @Sendable (Waymark) throws -> Value
    ) throws -> AsyncThrowingStream<Value, Error> {
        let (looks, look) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Whoever listens before the first look misses nothing between the two.
        let listener = Listener { changes in
            if changes.contains(where: { $0.plan == plan || $0.plan == nil }) { look.yield() }
        }
        let subscription = try listen(listener: listener)
        let edits = Edits.shared.add(ObjectIdentifier(self), plan) { look.yield() }
        look.yield()
        return AsyncThrowingStream { shown in
            let reading = Task {
                var last: Value?
                do {
                    for await _ in looks {
                        let value = try await onDisk(read)
                        if value != last { shown.yield(value) }
                        last = value
                    }
                    shown.finish()
                } catch {
                    shown.finish(throwing: error)
                }
            }
            shown.onTermination = { _ in
                reading.cancel()
                look.finish()
                subscription.stop()
                Edits.shared.remove(edits)
            }
        }
    }

    /// Writes something of a plan, on a thread that may wait for the disk, and shows it to
    /// ``watch(_:_:)``.
    @discardableResult
    public func edit<Value: Sendable>(
        _ plan: PlanId,
        _ write: @escaping @Sendable (Waymark) throws -> Value
    ) async throws -> Value {
        let written = try await onDisk(write)
        Edits.shared.tell(ObjectIdentifier(self), plan)
        return written
    }
}

/// Who watches which plan of which client in this process.
private final class Edits: @unchecked Sendable {
    static let shared = Edits()

    private struct Watcher {
        let client: ObjectIdentifier
        let plan: PlanId
        let look: @Sendable () -> Void
    }

    private let lock = NSLock()
    private var watchers: [UUID: Watcher] = [:]

    func add(
        _ client: ObjectIdentifier, _ plan: PlanId, _ look: @escaping @Sendable () -> Void
    ) -> UUID {
        let id = UUID()
        lock.withLock { watchers[id] = Watcher(client: client, plan: plan, look: look) }
        return id
    }

    func remove(_ id: UUID) {
        lock.withLock { _ = watchers.removeValue(forKey: id) }
    }

    func tell(_ client: ObjectIdentifier, _ plan: PlanId) {
        let told = lock.withLock { watchers.values.filter { $0.client == client && $0.plan == plan } }
        told.forEach { $0.look() }
    }
}
