import Foundation
import Testing

/// All places that state the project's version agree.
@Suite struct VersionTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test func thePythonPackageHasTheLibrarysVersion() throws {
        let library = try #require(try Self.text("Sources/QAMFormat/Version.swift").firstMatch(of: /text = "(\d+\.\d+\.\d+)"/)?.output.1)
        let package = try #require(try Self.text("bindings/python/pyproject.toml").firstMatch(of: /(?m)^version = "(.*)"/)?.output.1)
        let module = try #require(try Self.text("bindings/python/qamw/__init__.py").firstMatch(of: /(?m)^__version__ = "(.*)"/)?.output.1)
        #expect(package == library && module == library)
    }

    /// The header, the library and the Python package state the same interface version.
    @Test func allSpeakOneVersionOfTheInterface() throws {
        let header = try #require(try Self.text("Sources/CQAMW/include/qamw.h").firstMatch(of: /#define QAMW_ABI_VERSION (\d+)/)?.output.1)
        let package = try #require(try Self.text("bindings/python/qamw/_abi.py").firstMatch(of: /ABI_VERSION = (\d+)/)?.output.1)
        #expect(package == header)
    }
}
