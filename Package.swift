// swift-tools-version: 6.3
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
        .library(name: "Quantization", targets: ["Quantization"]),
        // `scripts/build-libqamw` links it so that it needs no Swift runtime.
        .library(name: "qamw-c", type: .dynamic, targets: ["QAMCABI"]),
        .executable(name: "qamw", targets: ["Tools"]),
    ],
    dependencies: [
        // The command line: parsing, help, shell completions and the man page come from one declaration.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // SHA-256 for `checksum`: a maintained implementation with the hardware's instructions.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),
        .target(name: "CQAMCodebooks", exclude: ["data"], cSettings: cSettings),
        .target(name: "CCalibrationText", exclude: ["data"], cSettings: cSettings),
        .target(name: "CQAMKernels", exclude: ["blocks/data"], cSettings: cSettings),
        .target(name: "QAMFormat", dependencies: ["CQAMKernels", "CQAMCodebooks", "CZstd", "CXXHash"], swiftSettings: swiftSettings),
        .target(name: "Architectures", dependencies: ["QAMFormat"], swiftSettings: swiftSettings),
        .target(name: "Inference", dependencies: ["QAMFormat", "Architectures", "CQAMKernels", "CCalibrationText"], swiftSettings: swiftSettings),
        .target(name: "Converters", dependencies: ["QAMFormat", "Architectures"], swiftSettings: swiftSettings),
        .target(name: "Quantization", dependencies: ["QAMFormat", "Architectures", "Inference", "CQAMKernels"], swiftSettings: swiftSettings),
        .target(name: "Models", dependencies: ["QAMFormat", "Architectures", "Converters", "Inference", "Quantization"], swiftSettings: swiftSettings),
        // Apart from QAMFormat, so that readers of models need no cryptography.
        .target(name: "Authenticity", dependencies: ["QAMFormat", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: swiftSettings),
        .target(name: "KernelBenchmark", dependencies: ["QAMFormat", "Quantization"], swiftSettings: swiftSettings),
        .target(name: "CQAMW", cSettings: cSettings),
        .target(name: "QAMCABI", dependencies: ["CQAMW", "QAMFormat", "Converters", "Quantization", "Models"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "Tools",
            dependencies: [
                "QAMFormat", "Architectures", "Converters", "Quantization", "Inference", "Models", "Authenticity", "KernelBenchmark",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(name: "CodebookSolver", swiftSettings: swiftSettings),
        // Compares the kernels for all feature sets. Its runner is a program for machines without Swift.
        .target(
            name: "CKernelChecks", dependencies: ["CQAMKernels"], path: "Tests/CKernelChecks", exclude: ["runner"],
            cSettings: cSettings),
        .testTarget(
            name: "QAMFormatTests", dependencies: ["QAMFormat", "Quantization", "KernelBenchmark", "CQAMKernels", "CKernelChecks"],
            swiftSettings: swiftSettings),
        .target(
            name: "CFloatKernelChecks", dependencies: ["CQAMKernels"], path: "Tests/CFloatKernelChecks", exclude: ["runner"],
            cSettings: cSettings),
        .testTarget(
            name: "InferenceTests", dependencies: ["Inference", "QAMFormat", "Architectures", "Converters", "Quantization", "CFloatKernelChecks"],
            swiftSettings: swiftSettings),
        .testTarget(name: "ConvertersTests", dependencies: ["QAMFormat", "Architectures", "Converters", "Quantization"], swiftSettings: swiftSettings),
        .testTarget(name: "HouseTests", swiftSettings: swiftSettings),
        .testTarget(name: "AuthenticityTests", dependencies: ["Authenticity", "QAMFormat", "Quantization", "Converters"], swiftSettings: swiftSettings),
        .testTarget(name: "CommandTests", dependencies: ["QAMFormat", "Architectures", "Converters", "Quantization"], swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)

// Without the command and the packages that it needs: for checks of the libraries alone.
if Context.environment["QAMW_WITHOUT_COMMAND"] != nil {
    package.dependencies = []
    package.products.removeAll { $0.name == "qamw" }
    package.targets.removeAll { ["Tools", "CommandTests", "Authenticity", "AuthenticityTests"].contains($0.name) }
}
