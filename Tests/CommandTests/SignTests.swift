import Architectures
import Foundation
import Testing

/// Contents, signatures and what they hold for, by the command.
@Suite struct SignTests {
    private static let privateKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
    private static let publicKey = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

    private static func scratch() throws -> Scratch {
        let scratch = try QuantizeTests.scratch()
        try scratch.write(privateKey, to: "key.pem")
        try scratch.write(publicKey, to: "public.pem")
        guard try scratch.qamw("quantize", "--plain", ".", "q.qamw", "--quiet", "--codebook", "octant").status == 0 else {
            throw Command.Failure(description: "quantize failed")
        }
        return scratch
    }

    private static func root(_ file: String, in scratch: Scratch) throws -> Substring {
        let outcome = try scratch.qamw("checksum", "--content", file)
        #expect(outcome.status == 0 && outcome.output.hasSuffix(" @\t\(file)\n"), "\(outcome.errors)")
        return outcome.output.prefix { $0 != " " }
    }

    @Test func theRootIsTheSameInEveryContainer() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("convert", "q.qamw", "s.qamw", "--max-shard-size", "20KB", "--content", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "kept.qamw", "--content", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "p.safetensors", "--packed", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "p.gguf", "--packed", "--quiet").status == 0)
        let first = try #require(try scratch.names.first { $0.hasPrefix("s-00001") })
        let root = try Self.root("q.qamw", in: scratch)
        #expect(root.count == 64)
        for copy in [first, "kept.qamw", "p.safetensors", "p.gguf"] { #expect(try Self.root(copy, in: scratch) == root, "\(copy)") }
        for file in [first, "kept.qamw"] { #expect(try scratch.qamw("verify", file).status == 0) }
        // A file keeps its hashes when it is converted, and when its metadata are edited.
        #expect(try scratch.qamw("convert", "kept.qamw", "again.qamw", "--quiet").status == 0)
        #expect(try scratch.bytes("again.qamw") == scratch.bytes("kept.qamw"))
        let planned = try scratch.qamw("convert", "q.qamw", "x.qamw", "--content", "--dry-run", "--json").json["bytes"]?.integer
        #expect(try planned == scratch.bytes("kept.qamw").count)
        #expect(try scratch.qamw("metadata", "kept.qamw", "--set", "a=string:\(String(repeating: "b", count: 100_000))").output.contains("rewritten"))
        let edited = try Self.root("kept.qamw", in: scratch)
        #expect(edited != root)
    }

    @Test func manifestsOfContentsAreChecked() throws {
        let scratch = try Self.scratch()
        let lines = try scratch.qamw("checksum", "--content", "--tensors", "q.qamw").output
        #expect(lines.split(separator: "\n").count == 20)
        try scratch.write(lines, to: "SUMS")
        #expect(try scratch.qamw("checksum", "--check", "SUMS", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "p.safetensors", "--packed", "--quiet").status == 0)
        #expect(try scratch.qamw("checksum", "--check", "SUMS", "p.safetensors").status == 0)
        #expect(try scratch.qamw("metadata", "q.qamw", "--set", "a=string:b").status == 0)
        let outcome = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(outcome.status == 65 && outcome.output.split(separator: "\n").filter { $0.hasSuffix("FAILED") } == ["q.qamw: FAILED"])
        #expect(try scratch.qamw("checksum", "--content", "--algorithm", "xxh3", "q.qamw").status == 64)
    }

    @Test func aSignatureHoldsForTheContentAlone() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("convert", "q.qamw", "kept.qamw", "--content", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "p.safetensors", "--packed", "--quiet").status == 0)
        #expect(try scratch.qamw("sign", "q.qamw", "--key", "key.pem", "-o", "q.sig").status == 0)
        #expect(try scratch.qamw("sign", "q.qamw", "--key", "key.pem", "-o", "q.sig").status == 73)
        #expect(try scratch.qamw("sign", "q.qamw", "--key", "public.pem", "-o", "x.sig").status == 65)
        for copy in ["q.qamw", "kept.qamw", "p.safetensors"] {
            let outcome = try scratch.qamw("verify", copy, "--key", "public.pem", "--signature", "q.sig")
            #expect(outcome.status == 0, "\(copy): \(outcome.errors)")
        }
        let name = "model.layers.1.mlp.up_proj.weight"
        #expect(try scratch.qamw("verify", "kept.qamw", "--key", "public.pem", "--signature", "q.sig", "--tensor", name).status == 0)
        #expect(try scratch.qamw("verify", "q.qamw", "--key", "public.pem", "--signature", "q.sig", "--tensor", name).status == 65)
        #expect(try scratch.qamw("verify", "q.qamw", "--key", "public.pem").status == 64)
        #expect(try scratch.qamw("metadata", "q.qamw", "--set", "a=string:b").status == 0)
        let outcome = try scratch.qamw("verify", "q.qamw", "--key", "public.pem", "--signature", "q.sig")
        #expect(outcome.status == 65 && outcome.errors.contains("is not what was signed"))
        // Damage is not signed.
        var bad = try scratch.bytes("kept.qamw")
        bad[bad.count / 2] ^= 1
        try scratch.write(bad, to: "bad.qamw")
        #expect(try scratch.qamw("sign", "bad.qamw", "--key", "key.pem", "-o", "bad.sig").status == 65)
        #expect(!scratch.exists("bad.sig"))
    }

    @Test func aFileThatKeepsHashesIsRepaired() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("convert", "q.qamw", "kept.qamw", "--content", "--quiet").status == 0)
        let good = try scratch.bytes("kept.qamw")
        try scratch.write(good, to: "copy.qamw")
        let sections = try #require(try scratch.qamw("inspect", "kept.qamw", "--json").json["sections"]).elements
        let section = try #require(sections.first { $0["name"]?.text == "content" })
        var bad = good
        bad[try #require(section["offset"]?.integer) + 20] ^= 1
        try scratch.write(bad, to: "kept.qamw")
        #expect(try scratch.qamw("verify", "kept.qamw").errors.contains("section content"))
        #expect(try scratch.qamw("repair", "kept.qamw", "--from", "copy.qamw").status == 0)
        #expect(try scratch.bytes("kept.qamw") == good)
    }
}
