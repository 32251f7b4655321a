// swift-tools-version: 6.0

import Foundation
import PackageDescription

// On Apple's systems the library is the XCFramework that `build-xcframework` makes. Elsewhere, and for
// the tests of this repository, it is what cargo built in the directory that $WAYMARK_LIBRARY names.
let library = ProcessInfo.processInfo.environment["WAYMARK_LIBRARY"]

let ffi: Target =
    if library == nil {
        .binaryTarget(name: "WaymarkFFI", path: "WaymarkFFI.xcframework")
    } else {
        .systemLibrary(name: "WaymarkFFI", path: "Generated/WaymarkFFI")
    }

let linking: [LinkerSetting] = library.map { [.unsafeFlags(["-L", $0]), .linkedLibrary("waymark_ffi")] } ?? []

let package = Package(
    name: "Waymark",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Waymark", targets: ["Waymark"]),
        // For widgets and extensions, which have no need of the library.
        .library(name: "WaymarkDropBox", targets: ["WaymarkDropBox"]),
    ],
    targets: [
        ffi,
        .target(
            name: "Waymark",
            dependencies: ["WaymarkFFI"],
            resources: [.copy("PrivacyInfo.xcprivacy")],
            linkerSettings: linking
        ),
        .target(name: "WaymarkDropBox"),
        .testTarget(name: "WaymarkTests", dependencies: ["Waymark", "WaymarkDropBox"]),
    ],
    swiftLanguageModes: [.v6]
)
