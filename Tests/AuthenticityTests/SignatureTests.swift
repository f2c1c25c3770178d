import Authenticity
import Foundation
import QAMFormat
import Testing

/// Keys and signatures, also hostile ones.
@Suite struct SignatureTests {
    // The keys of RFC 8410, section 10.
    private static let privateKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
    private static let publicKey = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
    private static let root = [UInt8](0..<32)

    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "qamw-keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func file(_ text: String) throws -> String {
        let url = folder.appending(path: UUID().uuidString)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    @Test func aSignatureHoldsForItsRootAndKey() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let signature = try SigningKey(path: file(Self.privateKey)).sign(root: Self.root)
        let read = try Signature(path: file(signature.text))
        let key = try VerifyingKey(path: file(Self.publicKey))
        #expect(read == signature && key.accepts(read))
        let other = try VerifyingKey(path: file(Self.publicKey.replacing("Gb9E", with: "Gb9F")))
        #expect(!other.accepts(read))
        let lines = signature.text.split(separator: "\n").map(String.init)
        for line in 1...2 {
            for position in [9, lines[line].count - 1] {
                var changed = Array(lines[line].utf8)
                changed[position] = changed[position] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
                var all = lines
                all[line] = String(decoding: changed, as: UTF8.self)
                #expect(try !key.accepts(Signature(path: file(all.joined(separator: "\n") + "\n"))))
            }
        }
    }

    @Test func malformedSignaturesAreRefused() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let good = try SigningKey(path: file(Self.privateKey)).sign(root: Self.root).text
        for bad in [
            "", "\n", String(good.dropLast()), good + "\n", good.uppercased(), good.replacing("signature 1", with: "signature 2"),
            good.replacing("root 00", with: "root "),
            good.replacing("root 00", with: "root +0"), good.replacing("root 00", with: "root é"), String(repeating: "a", count: 5000),
            good.replacing("ed25519", with: "ed448"), good.replacing("\n", with: "\r\n"),
        ] {
            #expect { _ = try Signature(path: file(bad)) } throws: { ($0 as? QAMError)?.code == .malformed }
        }
    }

    @Test func otherKeysAreRefusedByName() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let cases: [(text: String, cause: String)] = [
            ("", "not a private key in PEM"), (Self.publicKey, "it holds a public key"), ("-----BEGIN PRIVATE KEY-----\n", "not a"),
            (Self.privateKey.replacing("PRIVATE", with: "ENCRYPTED PRIVATE"), "openssl pkey"),
            (Self.privateKey.replacing("MC4C", with: "MC4D"), "not an Ed25519 key"),
            (Self.privateKey.replacing("MC4C", with: "M*4C"), "damaged"), (Self.privateKey.replacing("dVhC", with: "dVh"), "damaged"),
            (Self.privateKey.replacing("EdVhC", with: ""), "damaged"), (String(repeating: "A", count: 1 << 17), "too long"),
        ]
        for (text, cause) in cases {
            #expect { _ = try SigningKey(path: file(text)) } throws: { ($0 as? QAMError)?.message.contains(cause) == true }
        }
        #expect { _ = try VerifyingKey(path: file(Self.privateKey)) } throws: { ($0 as? QAMError)?.message.contains("private key") == true }
    }
}
