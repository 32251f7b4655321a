import Foundation
import Waymark
import XCTest

/// Emoji beyond the basic plane, right-to-left text, a combining accent and a NUL.
let note = "ten minutes 🌿🧘🏽 · עשר דקות · عشر دقائق · cafe\u{301} · a\0b"

/// A key provider that hands over one key, or throws.
final class Key: KeyProvider {
    private let key: Data?

    init(_ key: Data? = Data((0..<32).map { _ in UInt8.random(in: 0...255) })) {
        self.key = key
    }

    func storageKey() throws -> Data {
        guard let key else { throw KeyProviderError.Gone(reason: "the keychain was reset") }
        return key
    }
}

/// The relay's own program on a free loopback port, by $WAYMARK_SERVER.
final class Relay {
    let url: String
    private let process = Process()
    private let data = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    init() throws {
        guard let program = ProcessInfo.processInfo.environment["WAYMARK_SERVER"] else {
            throw XCTSkip("there is no relay: set WAYMARK_SERVER")
        }
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["--data", data.path, "--listen", "127.0.0.1:0"]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // "waymark-server listens on http://127.0.0.1:4711 with the key ..."
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        url = try XCTUnwrap(line.split(separator: " ").map(String.init).first { $0.hasPrefix("http://") })
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: data)
    }
}

/// Devices with directories of their own.
class Case: XCTestCase {
    private(set) var home = URL(fileURLWithPath: "/")
    private var opened: [Waymark] = []

    override func setUp() {
        home = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    }

    override func tearDown() {
        opened.forEach { try? $0.lock() }
        try? FileManager.default.removeItem(at: home)
    }

    func open(
        _ name: String, key: KeyProvider = Key(), relay: String = "http://127.0.0.1:9",
        dropBox: URL? = nil
    ) throws -> Waymark {
        let config = WaymarkConfig(
            directory: home.appendingPathComponent(name).path, relay: relay,
            timeZone: "Europe/Amsterdam", dropBox: dropBox?.path)
        let device = try Waymark.open(config: config, keyProvider: key)
        opened.append(device)
        return device
    }

    func begin(
        key: KeyProvider = Key(), relay: String = "http://127.0.0.1:9", dropBox: URL? = nil
    ) throws -> (Waymark, PlanId) {
        let phone = try open("phone", key: key, relay: relay, dropBox: dropBox)
        try phone.people().begin(name: "Kim", deviceName: "phone")
        return (phone, try phone.people().createPlan())
    }

    func linkTherapist(_ phone: Waymark, _ plan: PlanId, relay: String) async throws -> Waymark {
        let tablet = try open("tablet", relay: relay)
        let card = try tablet.people().card(name: "Dr. Ada", deviceName: "tablet")
        try phone.people().addTherapist(plan: plan, card: card)
        try await phone.syncNow()
        let welcome = try XCTUnwrap(phone.people().welcome(card: card))
        try tablet.people().accept(welcome: welcome)
        try await tablet.syncNow()
        return tablet
    }

    /// The call throws an error with this code.
    func refused(_ code: String, _ call: () throws -> Void) {
        XCTAssertThrowsError(try call()) { error in
            XCTAssertEqual((error as? WaymarkError)?.code(), code)
        }
    }
}
