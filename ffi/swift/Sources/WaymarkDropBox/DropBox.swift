import CryptoKit
import Foundation

/// What a check-in says about its day, for widgets, which have no need of the library.
public enum DroppedOutcome: UInt64, CaseIterable, Sendable {
    case done = 1
    case partial = 2
    case rest = 3
    case excused = 4
    case noteOnly = 5
}

/// Why a check-in could not be left.
public enum DropBoxError: Error, Equatable {
    /// It is no id of a plan or goal.
    case badId
    /// A drop box's key has 32 bytes.
    case badKey
}

/// Leaves check-ins for the app, from a widget, a notification's action or another process. It needs
/// neither the library nor the database: only the key, which `Waymark.dropBoxKey()` gave the app, and
/// the directory that the app was configured with. When `checkIn` returns, the check-in is on the disk;
/// the app logs it, once, when it opens next.
public struct DropBox: Sendable {
    private let directory: URL
    private let key: Data

    public init(directory: URL, key: Data) throws {
        guard key.count == 32 else { throw DropBoxError.badKey }
        self.directory = directory
        self.key = key
    }

    /// Leaves a check-in about `goal`, or a note on its own without one.
    public func checkIn(
        plan: String,
        goal: String?,
        outcome: DroppedOutcome,
        quantity: Double? = nil,
        note: String? = nil,
        at: Date = Date(),
        calendar: Calendar = Calendar(identifier: .gregorian)
    ) throws {
        let intent = Cbor()
        intent.map([goal, note].compactMap { $0 }.count + (quantity == nil ? 5 : 6))
        intent.key(0).number(1)
        intent.key(1).bytes(try id(plan, 32))
        if let goal { intent.key(2).bytes(try id(goal, 16)) }
        intent.key(3).number(Int64(outcome.rawValue))
        intent.key(4).number(Int64((at.timeIntervalSince1970 * 1_000).rounded(.down)))
        intent.key(5).text(day(at, calendar))
        if let quantity { intent.key(6).amount(quantity) }
        if let note { intent.key(7).text(note) }
        let sealed = try ChaChaPoly.seal(
            intent.written, using: SymmetricKey(data: key),
            authenticating: Data("waymark/1 drop box".utf8))
        // `combined` is nonce, sealed text and tag.
        try write(Data([1]) + sealed.combined)
    }

    // The app takes in what has its name: whole, and on the disk.
    private func write(_ bytes: Data) throws {
        let files = FileManager.default
        try files.createDirectory(at: directory, withIntermediateDirectories: true)
        let name = UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
        let unfinished = directory.appendingPathComponent(name + ".tmp")
        try bytes.write(to: unfinished)
        let handle = try FileHandle(forWritingTo: unfinished)
        try handle.synchronize()
        try handle.close()
        try files.moveItem(at: unfinished, to: directory.appendingPathComponent(name + ".intent"))
    }

    private func day(_ at: Date, _ calendar: Calendar) -> String {
        let day = calendar.dateComponents([.year, .month, .day], from: at)
        return String(format: "%04d-%02d-%02d", day.year ?? 0, day.month ?? 0, day.day ?? 0)
    }

    private func id(_ text: String, _ length: Int) throws -> Data {
        let standard = text.replacingOccurrences(of: "-", with: "+")
            .replacingOccurrences(of: "_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.count % 4) % 4)
        guard let bytes = Data(base64Encoded: standard + padding), bytes.count == length else {
            throw DropBoxError.badId
        }
        return bytes
    }
}

/// As much of CBOR (RFC 8949) as an intent needs.
private final class Cbor {
    private(set) var written = Data()

    func map(_ entries: Int) {
        head(5, UInt64(entries))
    }

    func key(_ number: UInt64) -> Cbor {
        head(0, number)
        return self
    }

    func number(_ value: Int64) {
        if value < 0 { head(1, UInt64(-1 - value)) } else { head(0, UInt64(value)) }
    }

    func amount(_ value: Double) {
        written.append(0xfb)
        withUnsafeBytes(of: value.bitPattern.bigEndian) { written.append(contentsOf: $0) }
    }

    func bytes(_ value: Data) {
        head(2, UInt64(value.count))
        written.append(value)
    }

    func text(_ value: String) {
        let bytes = Data(value.utf8)
        head(3, UInt64(bytes.count))
        written.append(bytes)
    }

    private func head(_ major: UInt8, _ value: UInt64) {
        let (info, size): (UInt8, Int) =
            switch value {
            case ..<24: (UInt8(value), 0)
            case ..<0x100: (24, 1)
            case ..<0x1_0000: (25, 2)
            case ..<0x1_0000_0000: (26, 4)
            default: (27, 8)
            }
        written.append(major << 5 | info)
        withUnsafeBytes(of: value.bigEndian) { written.append(contentsOf: $0.suffix(size)) }
    }
}
