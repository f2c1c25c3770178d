import Converters
import QAMFormat
import Testing

/// Untrusted files: each test is one attack or one valid but unusual file.
@Suite struct SafetensorsHostileTests {
    private func open(_ bytes: [UInt8]) throws -> SafetensorsSource {
        let folder = try ScratchFolder()
        return try SafetensorsSource(path: try folder.write(bytes, "model.safetensors"))
    }

    private func expectRefused(_ bytes: [UInt8], _ code: QAMError.Code = .malformed, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(sourceLocation: sourceLocation) {
            try open(bytes)
        } throws: { error in
            guard let error = error as? QAMError else { return false }
            return error.code == code && error.place.file != nil && error.place != QAMError.Place(file: error.place.file) || error.message.hasPrefix("this is ")
        }
    }

    private func entry(_ name: String, _ dtype: String = "I32", _ shape: String = "[2,2]", _ offsets: String = "[0,16]") -> String {
        "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }

    private let zeros = [UInt8](repeating: 0, count: 16)

    @Test func ordinaryFile() throws {
        let source = try open(safetensors("{\(entry("test"))}", data: zeros))
        #expect(source.tensors == [TensorDescriptor(name: "test", shape: [2, 2], storage: .raw(.i32))])
        #expect(source.warnings.isEmpty)
    }

    @Test func scalarEmptyAndNoTensors() throws {
        #expect(try open(safetensors("{\(entry("a", "I32", "[]", "[0,4]"))}", data: [1, 2, 3, 4])).tensors[0].shape == [])
        #expect(try open(safetensors("{\(entry("a", "I32", "[2,0]", "[0,0]"))}")).tensors[0].byteCount == 0)
        #expect(try open(safetensors("{}")).tensors.isEmpty)
        #expect(try open(safetensors("{\"__metadata__\":{\"crc\":\"12\"}}")).metadata["crc"] == .string("12"))
        #expect(try open(safetensors("{}\r \t\n")).tensors.isEmpty)
        #expect(try open(safetensors("{\(entry("unaligned header"))}", data: zeros)).tensors.count == 1)
    }

    @Test func emptyTensorsShareOffsets() throws {
        let header = "{\(entry("r")),\(entry("y", "I32", "[0]", "[16,16]")),\(entry("z", "I32", "[0]", "[0,0]")),\(entry("x", "F4", "[0,7]", "[0,0]"))}"
        #expect(try open(safetensors(header, data: zeros)).tensors.map(\.name) == ["z", "x", "r", "y"])
        expectRefused(safetensors("{\(entry("r")),\(entry("z", "I32", "[0]", "[4,4]"))}", data: zeros))
        expectRefused(safetensors("{\(entry("r")),\(entry("z", "I32", "[0]", "[20,20]"))}", data: zeros))
    }

    @Test func orderIsThatOfThePayloads() throws {
        let header = "{\(entry("b", "U8", "[2]", "[2,4]")),\(entry("a", "U8", "[2]", "[0,2]"))}"
        let source = try open(safetensors(header, data: [1, 2, 3, 4]))
        #expect(source.tensors.map(\.name) == ["a", "b"])
        #expect(try payload(source, 1) == [[3, 4]])
    }

    @Test(arguments: 0..<8) func fileShorterThanTheLength(_ count: Int) {
        expectRefused([UInt8](repeating: 0, count: count), .truncated)
    }

    @Test func headerLengthBeyondTheEnd() { expectRefused(safetensors("{\(entry("a"))}", data: zeros, length: 1000), .truncated) }
    @Test func headerLengthBeyondTheCap() { expectRefused(safetensors("{\(entry("a"))}", data: zeros, length: 100_000_001), .limitExceeded) }
    @Test func headerLengthOfAllOnes() { expectRefused(safetensors("{\(entry("a"))}", data: zeros, length: .max), .limitExceeded) }
    @Test func headerLengthZero() { expectRefused(safetensors("")) }
    @Test func headerNotUTF8() { expectRefused(safetensors([0xFF])) }
    @Test func nameNotUTF8() { expectRefused(safetensors(Array("{\"".utf8) + [0xC3, 0x28] + Array("\":{}}".utf8))) }
    @Test func headerIsAnArray() { expectRefused(safetensors("[]")) }
    @Test func byteOrderMark() { expectRefused(safetensors("\u{FEFF}{}")) }
    @Test func leadingWhiteSpace() { expectRefused(safetensors(" {}")) }
    @Test func paddingWithNUL() { expectRefused(safetensors("{\(entry("a", "I32", "[1]", "[0,4]"))}\u{0}\u{0}", data: [0, 0, 0, 0])) }
    @Test func secondDocument() { expectRefused(safetensors("{}{}")) }
    @Test func trailingData() { expectRefused(safetensors("{\(entry("a"))}", data: zeros + Array("polyglot".utf8))) }
    @Test func trailingDataAfterNothing() { expectRefused(safetensors("{}", data: [1])) }
    @Test func sizeThatLies() { expectRefused(safetensors("{\(entry("a", "F32", "[1024,1024]", "[0,4194304]"))}", data: [0]), .truncated) }
    @Test func overlap() { expectRefused(safetensors("{\((0..<10).map { entry("w\($0)") }.joined(separator: ","))}", data: zeros)) }
    @Test func partialOverlap() { expectRefused(safetensors("{\(entry("a")),\(entry("b", "I32", "[1]", "[12,16]"))}", data: zeros)) }
    @Test func holeAtTheStart() { expectRefused(safetensors("{\(entry("a", "I32", "[2,2]", "[4,20]"))}", data: zeros + zeros)) }
    @Test func holeInTheMiddle() {
        expectRefused(safetensors("{\(entry("a", "U8", "[1]", "[0,1]")),\(entry("b", "U8", "[1]", "[2,3]"))}", data: [1, 2, 3]))
    }
    @Test func offsetsReversed() { expectRefused(safetensors("{\(entry("a", "I32", "[2,2]", "[16,0]"))}", data: zeros)) }
    @Test func offsetsNegative() { expectRefused(safetensors("{\(entry("a", "I32", "[1]", "[-4,0]"))}", data: [0, 0, 0, 0])) }
    @Test func offsetsBeyondInt() { expectRefused(safetensors("{\(entry("a", "I32", "[1]", "[0,18446744073709551620]"))}", data: [0, 0, 0, 0])) }
    @Test func offsetsFractional() { expectRefused(safetensors("{\(entry("a", "I32", "[1]", "[0,4.0]"))}", data: [0, 0, 0, 0])) }
    @Test func oneOffset() { expectRefused(safetensors("{\(entry("a", "I32", "[1]", "[0]"))}", data: [0, 0, 0, 0])) }
    @Test func threeOffsets() { expectRefused(safetensors("{\(entry("a", "I32", "[1]", "[0,4,4]"))}", data: [0, 0, 0, 0])) }
    @Test func shapeOverflows() { expectRefused(safetensors("{\(entry("a", "I32", "[2,9223372036854775807]"))}", data: zeros)) }
    @Test func shapeWrapsToFour() { expectRefused(safetensors("{\(entry("a", "F32", "[4194305,4194305,211106198978564]"))}", data: zeros)) }
    @Test func shapeWrapsBehindAZero() { expectRefused(safetensors("{\(entry("a", "F32", "[0,9223372036854775807,9223372036854775807]", "[0,0]"))}")) }
    @Test func shapeOfTooManyDimensions() {
        let ones = [String](repeating: "1", count: 100_000).joined(separator: ",")
        expectRefused(safetensors("{\(entry("a", "U8", "[\(ones)]", "[0,1]"))}", data: [0]))
    }
    @Test func shapeNegative() { expectRefused(safetensors("{\(entry("a", "I32", "[-2,-2]"))}", data: zeros)) }
    @Test func shapeNull() { expectRefused(safetensors("{\(entry("a", "I32", "null"))}", data: zeros)) }
    @Test func sizeNotOfTheShape() { expectRefused(safetensors("{\(entry("a", "I32", "[3]"))}", data: zeros)) }
    @Test func unknownType() { expectRefused(safetensors("{\(entry("a", "F31"))}", data: zeros)) }
    @Test func typeInLowerCase() { expectRefused(safetensors("{\(entry("a", "i32"))}", data: zeros)) }
    @Test func subByteShapeOfHalfAByte() { expectRefused(safetensors("{\(entry("a", "F4", "[1,3]", "[0,2]"))}", data: [0, 0])) }
    @Test func missingField() { expectRefused(safetensors("{\"a\":{\"dtype\":\"I32\",\"shape\":[0]}}")) }
    @Test func duplicateName() { expectRefused(safetensors("{\(entry("w", "U8", "[4]", "[0,4]")),\(entry("w", "F32", "[1]", "[0,4]"))}", data: [0, 0, 0, 0])) }
    @Test func duplicateNameByEscape() {
        expectRefused(safetensors("{\(entry("w", "U8", "[0]", "[0,0]")),\(entry("\\u0077", "U8", "[0]", "[0,0]"))}"))
    }
    @Test func duplicateField() { expectRefused(safetensors("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}")) }
    @Test func duplicateMetadataKey() { expectRefused(safetensors("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}")) }
    @Test func duplicateMetadata() { expectRefused(safetensors("{\"__metadata__\":{},\"__metadata__\":{}}")) }
    @Test func metadataNull() { expectRefused(safetensors("{\"__metadata__\":null,\(entry("a"))}", data: zeros)) }
    @Test func metadataNotStrings() { expectRefused(safetensors("{\"__metadata__\":{\"a\":1}}")) }
    @Test func metadataTypesThatDoNotFit() {
        expectRefused(safetensors(#"{"__metadata__":{"a":"x","qamw.types":"{\"a\":\"u32\"}"}}"#))
        expectRefused(safetensors(#"{"__metadata__":{"a":"1","qamw.types":"{\"b\":\"u32\"}"}}"#))
        expectRefused(safetensors(#"{"__metadata__":{"a":"1","qamw.types":"[]"}}"#))
    }
    @Test func escapedNULInAName() { expectRefused(safetensors("{\(entry("a\\u0000b"))}", data: zeros)) }
    @Test func nestingBomb() {
        expectRefused(safetensors("{\"a\":" + String(repeating: "[", count: 100_000)))
        expectRefused(safetensors("{\"a\":{\"x\":" + String(repeating: "[", count: 100_000)))
        expectRefused(safetensors("{\"a\":{\"x\":" + String(repeating: "{\"a\":", count: 100_000)))
    }

    @Test func namesThatLookLikePathsAreJustNames() throws {
        #expect(try open(safetensors("{\(entry("../../x"))}", data: zeros)).tensors[0].name == "../../x")
    }

    @Test func extraFieldsAreAWarning() throws {
        let header = "{\"a\":{\"x\":[{}],\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"y\":1}}"
        #expect(try open(safetensors(header)).warnings == ["header fields that safetensors does not have are ignored: \"x\" of tensor \"a\" and 1 more"])
    }

    @Test func everyPrefixOfAFileIsRefused() throws {
        let whole = safetensors("{\(entry("a"))}", data: zeros)
        for count in 0..<whole.count { expectRefused(Array(whole.prefix(count)), .truncated) }
    }

    @Test func damagedHeadersNeverTrap() throws {
        let folder = try ScratchFolder()
        var random = SeededGenerator(state: 3), taken = 0, refused = 0
        let whole = safetensors(
            "{\"__metadata__\":{\"a\":\"1\",\"qamw.types\":\"{\\\"a\\\":\\\"u8\\\"}\"},\(entry("a")),\(entry("b", "F4", "[2]", "[16,17]"))}", data: zeros + [0])
        _ = try open(whole)
        for _ in 0..<2000 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let path = try folder.write(damaged, "m.safetensors")
            do {
                _ = try SafetensorsSource(path: path)
                taken += 1
            } catch is QAMError {
                refused += 1
            }
        }
        // Changes of payloads and of letters in names may be accepted, most others may not.
        #expect(taken > 0 && refused > 1000, "\(taken) taken, \(refused) refused")
    }

    @Test func aFileThatShrinksGivesAnError() throws {
        let folder = try ScratchFolder()
        let path = try folder.write(safetensors("{\(entry("a"))}", data: zeros), "m.safetensors")
        let source = try SafetensorsSource(path: path)
        let descriptor = try SystemCalls.openWriting(path)
        try SystemCalls.truncate(descriptor, to: 40, path: path)
        SystemCalls.closeDescriptor(descriptor)
        #expect { try payload(source, 0) } throws: { ($0 as? QAMError)?.code == .truncated }
    }

    /// `scripts/check-opening` measures the time.
    @Test func aHundredThousandTensorsOpen() throws {
        let folder = try ScratchFolder()
        var header = "{\"__metadata__\":{\"format\":\"pt\"}"
        for index in 0..<100_000 {
            header += "," + entry("model.layers.\(index / 10).mlp.experts.\(index % 10).down_proj.weight", "BF16", "[1,2]", "[\(4 * index),\(4 * index + 4)]")
        }
        let path = try folder.write(safetensors(header + "}", data: [UInt8](repeating: 0, count: 400_000)), "m.safetensors")
        let source = try SafetensorsSource(path: path)
        #expect(source.tensors.count == 100_000)
        #expect(source.tensors.last?.name == "model.layers.9999.mlp.experts.9.down_proj.weight")
        #expect(try source.read(0..<4, of: 99_999).streams == [[0, 0, 0, 0]])
    }
}
