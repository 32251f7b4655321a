import Foundation

/// What came of a call: what was asked for, or what to do about that it could not be had.
public enum Answer<Value: Sendable>: Sendable {
    /// What was asked for.
    case got(Value)
    /// Nothing is to be done: it is tried again, and everything is kept.
    case wait(WaymarkError)
    /// The person has to free, unlock, update or allow something.
    case askUser(WaymarkError)
    /// What was given has to be corrected.
    case fixInput(WaymarkError)
    /// Something is broken, or somebody misbehaves.
    case report(WaymarkError)

    /// What was asked for, or nothing.
    public var value: Value? {
        guard case .got(let value) = self else { return nil }
        return value
    }
}

extension Waymark {
    /// Makes calls on a thread that may wait for the disk. Local calls are durable when they return, so
    /// they wait for it: a few milliseconds that a screen has not.
    public func onDisk<Value: Sendable>(
        _ call: @escaping @Sendable (Waymark) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            disk.async {
                continuation.resume(with: Result { try call(self) })
            }
        }
    }

    /// The same, with what failed as an ``Answer``. Anything but the library's own errors is thrown.
    public func attempt<Value: Sendable>(
        _ call: @escaping @Sendable (Waymark) async throws -> Value
    ) async throws -> Answer<Value> {
        do {
            return .got(try await call(self))
        } catch let error as WaymarkError {
            switch error.errorClass() {
            case .wait: return .wait(error)
            case .askUser: return .askUser(error)
            case .fixInput: return .fixInput(error)
            case .report: return .report(error)
            }
        }
    }
}

/// Swift's own threads are as many as there are cores, and none of them may wait for a disk.
private let disk = DispatchQueue(label: "waymark.disk", attributes: .concurrent)
