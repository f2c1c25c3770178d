// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
let cSettings: [CSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "qamw",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "QAMFormat", targets: ["QAMFormat"]),
        .library(name: "Converters", targets: ["Converters"]),
    ],
    dependencies: [],
    targets: [
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),
        .target(name: "CQAMCodebooks", exclude: ["data"], cSettings: cSettings),
        .target(name: "CQAMKernels", cSettings: cSettings),
        .target(
            name: "QAMFormat", dependencies: ["CQAMKernels", "CQAMCodebooks", "CZstd", "CXXHash"],
            swiftSettings: swiftSettings),
        .target(name: "Converters", dependencies: ["QAMFormat"], swiftSettings: swiftSettings),
        .testTarget(name: "QAMFormatTests", dependencies: ["QAMFormat", "CQAMKernels"], swiftSettings: swiftSettings),
        .testTarget(name: "ConvertersTests", dependencies: ["QAMFormat", "Converters"], swiftSettings: swiftSettings),
        .testTarget(name: "HouseTests", swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
