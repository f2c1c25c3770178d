import Architectures
import Foundation
import Testing

/// Damaged files become byte for byte what they were, or nothing is written.
@Suite struct RepairTests {
    /// A quantized model, a copy of it in shards and packed, and the checkpoint.
    private static func scratch(_ arguments: String...) throws -> (scratch: Scratch, good: [UInt8]) {
        let scratch = try QuantizeTests.scratch()
        guard try Command.run(["quantize", "--plain", ".", "q.qamw", "--quiet"] + arguments, in: scratch).status == 0,
            try scratch.qamw("convert", "q.qamw", "s.qamw", "--max-shard-size", "20KB", "--quiet").status == 0,
            try scratch.qamw("convert", "q.qamw", "p.safetensors", "--packed", "--quiet").status == 0
        else { throw Command.Failure(description: "the copies were not made") }
        let good = try scratch.bytes("q.qamw")
        try scratch.write(good, to: "copy.qamw")
        return (scratch, good)
    }

    /// The places of the parts of a file, by name.
    private static func parts(of file: String, in scratch: Scratch) throws -> [(name: String, range: Range<Int>)] {
        let sections = try #require(try scratch.qamw("inspect", file, "--json").json["sections"]).elements
        var parts = [(name: "header", range: 0..<64), (name: "section table", range: 64..<64 + 64 * sections.count)]
        for section in sections {
            let start = try #require(section["offset"]?.integer), length = try #require(section["length"]?.integer ?? section["bytes"]?.integer)
            parts.append((try #require(section["name"]?.text), start..<start + length))
        }
        return parts
    }

    /// Two bytes of a range changed.
    private static func damaged(_ good: [UInt8], _ range: Range<Int>, _ random: inout SystemRandomNumberGenerator) -> [UInt8] {
        var bad = good
        for _ in 0..<2 { bad[Int.random(in: range, using: &random)] ^= UInt8.random(in: 1...255, using: &random) }
        return bad == good ? damaged(good, range, &random) : bad
    }

    @Test func everySectionIsRepairedFromEveryCopy() throws {
        let (scratch, good) = try Self.scratch("--codebook", "octant", "--bits", "4.5")
        var random = SystemRandomNumberGenerator()
        let first = try #require(try scratch.names.first { $0.hasPrefix("s-00001") })
        for (name, range) in try Self.parts(of: "q.qamw", in: scratch) {
            for copy in ["copy.qamw", "p.safetensors", first, "."] {
                // What the codes of the tensors are, the checkpoint does not know.
                if copy == ".", ["directory", "section table"].contains(name) { continue }
                // If both are damaged, nothing but a copy tells the alignment and the hash of the header.
                let place = copy == "." && name == "header" ? 16..<56 : range
                let bad = Self.damaged(good, place, &random)
                try scratch.write(bad, to: "q.qamw")
                let plan = try scratch.qamw("repair", "q.qamw", "--from", copy, "--dry-run", "--json")
                #expect(try plan.json["ok"]?.bool == true && scratch.bytes("q.qamw") == bad)
                let outcome = try scratch.qamw("repair", "q.qamw", "--from", copy)
                #expect(outcome.status == 0 && outcome.output.contains(name), "\(name) from \(copy): \(outcome.output) \(outcome.errors)")
                #expect(try scratch.bytes("q.qamw") == good, "\(name) from \(copy)")
            }
        }
        #expect(try !scratch.names.contains { $0.hasSuffix(".partial") || $0.hasSuffix(".rewritten") })
    }

    @Test func everyFamilyIsCodedAgain() throws {
        for arguments in [["free", "3.5", "fast"], ["polar", "4", "fast"], ["int8", "8", "fast"], ["trellis", "3", "fast"], ["trellis", "2.5", "normal"]] {
            let scratch = try QuantizeTests.scratch()
            var command = ["quantize", "--plain", ".", "q.qamw", "--quiet", "--codebook", arguments[0], "--effort", arguments[2], "--raw-dtype", "f16"]
            if arguments[0] != "int8" { command += ["--bits", arguments[1]] }
            #expect(try Command.run(command, in: scratch).status == 0)
            let good = try scratch.bytes("q.qamw")
            var bad = good
            for (name, range) in try Self.parts(of: "q.qamw", in: scratch) where ["symbols", "scales", "raw", "files", "checksums"].contains(name) {
                bad[range.lowerBound + range.count / 2] ^= 0x55
            }
            try scratch.write(bad, to: "bad.qamw")
            let outcome = try scratch.qamw("repair", "bad.qamw", "--from", ".", "-o", "new.qamw")
            #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
            #expect(try scratch.bytes("new.qamw") == good && scratch.bytes("bad.qamw") == bad)
        }
    }

    @Test func aCalibratedTensorNeedsACopyAndIsNamed() throws {
        let scratch = try QuantizeTests.scratch()
        let (rows, other) = (try QuantizeTests.scratch(), try TestModel.llama(hidden: 256).safetensors)
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw", "--quiet").status == 0)
        try rows.write(other, to: "model.safetensors")
        var bad = try scratch.bytes("q.qamw")
        let symbols = try #require(try Self.parts(of: "q.qamw", in: scratch).first { $0.name == "symbols" })
        bad[symbols.range.lowerBound] ^= 1
        bad[symbols.range.upperBound - 1] ^= 1
        try scratch.write(bad, to: "q.qamw")
        // Other weights do not give the bytes that the checksums state.
        let outcome = try scratch.qamw("repair", "q.qamw", "--from", rows.path("model.safetensors"))
        #expect(outcome.status == 65 && outcome.errors.contains("calibration") && outcome.errors.contains("rows"))
        #expect(try scratch.bytes("q.qamw") == bad)
        #expect(try !scratch.names.contains { $0.hasSuffix(".partial") })
    }

    @Test func truncatedAndExtendedFilesAreRestored() throws {
        let (scratch, good) = try Self.scratch("--compress-raw")
        for bad in [Array(good.prefix(good.count * 2 / 3)), good + [1, 2, 3]] {
            try scratch.write(bad, to: "q.qamw")
            let outcome = try scratch.qamw("repair", "q.qamw", "--from", "copy.qamw")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try scratch.bytes("q.qamw") == good)
        }
        // Raw tensors are compressed again.
        var bad = good
        let raw = try #require(try Self.parts(of: "q.qamw", in: scratch).first { $0.name == "raw" })
        bad[raw.range.lowerBound + raw.range.count / 3] ^= 1
        try scratch.write(bad, to: "q.qamw")
        #expect(try scratch.qamw("repair", "q.qamw", "--from", "model.safetensors").status == 0)
        #expect(try scratch.bytes("q.qamw") == good)
    }

    @Test func filesOfASetAreRepairedOneByOne() throws {
        let (scratch, _) = try Self.scratch()
        let files = try scratch.names.filter { $0.hasPrefix("s-") }
        for file in files.dropFirst() {
            let good = try scratch.bytes(file)
            for copy in ["q.qamw", "p.safetensors"] {
                let payload = try Self.parts(of: file, in: scratch).filter { ["symbols", "scales", "raw"].contains($0.name) }
                var bad = good
                for part in payload { bad[part.range.lowerBound] ^= 0x80 }
                try scratch.write(bad, to: file)
                #expect(try scratch.qamw("repair", file, "--from", copy).status == 0)
                #expect(try scratch.bytes(file) == good)
            }
        }
    }

    @Test func copiesAreNotBelieved() throws {
        let (scratch, good) = try Self.scratch()
        let symbols = try #require(try Self.parts(of: "q.qamw", in: scratch).first { $0.name == "symbols" })
        var bad = good, worse = good
        bad[symbols.range.lowerBound] ^= 1
        worse[symbols.range.lowerBound] ^= 2
        try scratch.write(bad, to: "q.qamw")
        try scratch.write(worse, to: "copy.qamw")
        #expect(try scratch.qamw("repair", "q.qamw", "--from", "copy.qamw").status == 65)
        #expect(try scratch.bytes("q.qamw") == bad)
        // Two damaged copies complete each other.
        worse = good
        worse[symbols.range.upperBound - 1] ^= 2
        worse[good.count - 1] ^= 1
        try scratch.write(worse, to: "copy.qamw")
        #expect(try scratch.qamw("repair", "q.qamw", "--from", "copy.qamw").status == 0)
        #expect(try scratch.bytes("q.qamw") == good)
        let same = try scratch.qamw("repair", "copy.qamw", "--from", "copy.qamw")
        #expect(same.status != 0)
        #expect(try scratch.qamw("repair", "q.qamw", "--from", "p.safetensors", "-o", "copy.qamw").status == 73)
        #expect(try scratch.qamw("repair", "q.qamw", "--from", "p.safetensors").output.hasSuffix("not damaged\n"))
    }

    @Test func hostileHeadsAreRefused() throws {
        let (scratch, good) = try Self.scratch()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            var bad = good
            // A header that claims anything, with its hash right or wrong, and a table of noise.
            for index in 8..<192 { bad[index] = UInt8.random(in: 0...255, using: &random) }
            // An offset of the table at the end of what an integer holds.
            bad[40...47] = [0xC0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
            try scratch.write(bad, to: "q.qamw")
            let outcome = try scratch.qamw("repair", "q.qamw", "--from", "model.safetensors")
            #expect(outcome.status == 65 && outcome.errors.contains("header"))
            #expect(try scratch.bytes("q.qamw") == bad)
        }
        try scratch.write([UInt8](repeating: 0, count: 10), to: "q.qamw")
        #expect(try scratch.qamw("repair", "q.qamw", "--from", "model.safetensors").status == 65)
        #expect(try scratch.qamw("repair", "missing.qamw", "--from", "copy.qamw").status == 66)
    }

    @Test func whatIsLostIsNamedAndTheRestKept() throws {
        let (scratch, good) = try Self.scratch()
        let tensor = try #require(
            try scratch.qamw("inspect", "q.qamw", "--json").json["tensors"]?.elements.first { $0["name"]?.text == "model.layers.1.mlp.up_proj.weight" })
        let symbols = try #require(try Self.parts(of: "q.qamw", in: scratch).first { $0.name == "symbols" }).range
        var bad = good
        bad[symbols.lowerBound + symbols.count / 2] ^= 1
        try scratch.write(bad, to: "q.qamw")
        let problem = try #require(try scratch.qamw("verify", "q.qamw", "--json").json["problems"]?.elements.first)
        let name = try #require(problem["tensor"]?.text), rows = problem["rows"]?.elements.compactMap(\.integer) ?? []
        #expect(rows.count == 2 && rows[0] == 0 && rows[1] > 0 && tensor["name"]?.text != nil)
        #expect(problem["message"]?.text?.contains("rows 0 to \(rows[1] - 1) are lost") == true)
        #expect(try scratch.qamw("convert", "q.qamw", "all.safetensors").status == 65)
        let outcome = try scratch.qamw("convert", "q.qamw", "rest.qamw", "--salvage", "--json").json
        #expect(outcome["warnings"]?.elements.contains { $0.text?.contains("\"\(name)\"") == true } == true)
        let kept = try #require(try scratch.qamw("inspect", "rest.qamw", "--json").json["tensors"]).elements.compactMap { $0["name"]?.text }
        #expect(kept.count == 18 && !kept.contains(name))
        #expect(try scratch.qamw("verify", "rest.qamw").status == 0)
        #expect(try scratch.qamw("convert", "model.safetensors", "x.qamw", "--salvage").status == 64)
    }
}
