import CQAMKernels.Blocks
import Foundation
import QAMFormat
import Testing

/// ggml's block types against ggml's own results, for every feature set of this machine.
@Suite struct GGMLBlocksTests {
    struct InstructionSet: Sendable, CustomTestStringConvertible {
        let features: UInt32
        let testDescription: String

        static let present = Kernels.InstructionSet.present.map { Self(features: $0.features, testDescription: $0.name) }

        func decode(_ bytes: [UInt8], as dtype: DType) -> [Float] {
            let blocks = bytes.count / dtype.blockBytes
            var values = [Float](repeating: -7, count: blocks * dtype.blockElements + 1)
            unsafe gb_type_of(gb_functions_for(features), UInt32(dtype.id) - 64).to_floats?(bytes, blocks, &values)
            // Nothing is written after the last value.
            #expect(values.removeLast() == -7)
            return values
        }

        func encode(_ values: [Float]) -> [UInt8] {
            var bytes = [UInt8](repeating: 7, count: values.count / 32 * 34 + 1)
            unsafe gb_functions_for(features).pointee.q8_0_from_floats(values, values.count / 32, &bytes)
            #expect(bytes.removeLast() == 7)
            return bytes
        }
    }

    struct Golden: Decodable {
        var ggml_type: Int
        var rows: Int
        var cols: Int
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "testdata/golden/ggml")

    private static func types() throws -> [String: Golden] {
        try JSONDecoder().decode([String: Golden].self, from: Data(contentsOf: folder.appending(path: "index.json")))
    }

    /// The one tensor of a golden file, which ends with padding to 32 bytes, and the values that ggml reads from it.
    private static func golden(_ name: String, _ type: Golden, as dtype: DType) throws -> (bytes: [UInt8], values: [Float]) {
        let count = try #require(dtype.byteCount(elements: type.rows * type.cols))
        let file = [UInt8](try Data(contentsOf: folder.appending(path: "\(name).gguf")))
        let values = [UInt8](try Data(contentsOf: folder.appending(path: "\(name).f32")))
        return (Array(file.suffix((count + 31) / 32 * 32).prefix(count)), try ElementConversion.floats(values, as: .f32))
    }

    private func bits(_ values: [Float]) -> [UInt32] { values.map { $0.isNaN ? Float.nan.bitPattern : $0.bitPattern } }

    /// FNV-1a over words.
    private func hash(_ words: some Sequence<UInt32>) -> UInt64 {
        words.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    // MARK: - Decoding

    @Test func goldenVectors() throws {
        let types = try Self.types()
        #expect(types.count == 28)
        for (name, type) in types {
            let dtype = try #require((DType.safetensors + DType.ggml).first { $0.name == name })
            let golden = try Self.golden(name, type, as: dtype)
            #expect(golden.values.count == 2048)
            #expect(bits(try ElementConversion.floats(golden.bytes, as: dtype)) == bits(golden.values), "\(name)")
            #expect(try ElementConversion.doubles(golden.bytes, as: dtype) == golden.values.map { Double($0) }, "\(name)")
            guard DType.ggml.contains(dtype) else { continue }
            #expect(Int(dtype.id) == 64 + type.ggml_type)
            for set in InstructionSet.present {
                #expect(bits(set.decode(golden.bytes, as: dtype)) == bits(golden.values), "\(name) \(set.testDescription)")
            }
        }
    }

    /// Hashes of ggml 0.25.3's output for 2,048 random blocks, which cover all words, signs and scales, NaN and infinity
    /// included. (ggml's type table has no to_float for Q8_1 and Q8_K; those two hashes are our own.)
    private static let hashes: [String: UInt64] = [
        "Q4_0": 0x5C33_E6A7_26B4_6325, "Q4_1": 0xDD88_13AA_8924_EFCA, "Q5_0": 0x0042_B784_2AFA_B925,
        "Q5_1": 0xF774_9F29_2A95_44CE, "Q8_0": 0xDB79_BF91_027F_6825, "Q8_1": 0xEE46_D1A1_6C73_B0E5,
        "Q2_K": 0xE6B3_7645_51DA_444D, "Q3_K": 0xE6E6_3C70_BAB2_2425, "Q4_K": 0xC4DF_BE15_EA18_CA24,
        "Q5_K": 0x4835_CB3F_E6AD_FEE7, "Q6_K": 0xC531_7B52_BAF0_B185, "Q8_K": 0x6B0D_A46C_69B2_E47B,
        "IQ2_XXS": 0xEA95_29F3_A0DD_6019, "IQ2_XS": 0xDD11_8144_C232_31C5, "IQ3_XXS": 0xD1F7_3C46_436C_D21D,
        "IQ1_S": 0x9D2F_0066_C9E6_7B85, "IQ4_NL": 0xDAF2_1FD0_9AE0_DF25, "IQ3_S": 0xAE73_9972_1A4B_2E45,
        "IQ2_S": 0xC724_97E4_8A51_6B69, "IQ4_XS": 0x5B79_0B96_223E_FA9D, "IQ1_M": 0x075E_B51C_DF35_B845,
        "TQ1_0": 0xA415_9DE6_79B9_A325, "TQ2_0": 0xD92F_C8AB_5F62_6325, "MXFP4": 0x09FF_11F9_FC76_2325,
        "NVFP4": 0xCD2D_016E_7156_2325, "Q1_0": 0x390E_6220_D3EA_A325, "Q2_0": 0x8BD7_FC89_723F_0325,
    ]

    @Test(arguments: DType.ggml)
    func randomBlocks(_ dtype: DType) throws {
        var random = CodecRandom(seed: UInt64(dtype.id) - 64)
        let bytes = random.bytes(2048 * dtype.blockBytes)
        let expected = try #require(Self.hashes[dtype.name])
        #expect(hash(bits(try ElementConversion.floats(bytes, as: dtype))) == expected)
        for set in InstructionSet.present {
            #expect(hash(bits(set.decode(bytes, as: dtype))) == expected, "\(set.testDescription)")
        }
    }

    /// Fewer blocks decode to a prefix of the result of more blocks; blocks of all ones and all zeros decode.
    @Test(arguments: DType.ggml, InstructionSet.present)
    func everyLength(_ dtype: DType, _ set: InstructionSet) {
        var random = CodecRandom(seed: 3)
        let bytes = random.bytes(19 * dtype.blockBytes)
        let values = bits(set.decode(bytes, as: dtype))
        for blocks in 0...19 {
            let part = set.decode(Array(bytes.prefix(blocks * dtype.blockBytes)), as: dtype)
            #expect(bits(part) == Array(values.prefix(blocks * dtype.blockElements)))
        }
        for byte: UInt8 in [0, 255] {
            let constant = [UInt8](repeating: byte, count: 3 * dtype.blockBytes)
            #expect(bits(set.decode(constant, as: dtype)) == bits(InstructionSet.present[0].decode(constant, as: dtype)))
        }
    }

    @Test func sizes() throws {
        for dtype in DType.ggml {
            let type = unsafe gb_type_of(gb_functions_for(qam_features_allowed()), UInt32(dtype.id) - 64)
            #expect(Int(type.elements) == dtype.blockElements && Int(type.bytes) == dtype.blockBytes)
            #expect(try ElementConversion.floats([], as: dtype).isEmpty)
            for count in [1, dtype.blockBytes - 1, dtype.blockBytes + 1] {
                let bytes = [UInt8](repeating: 0, count: count)
                #expect(throws: QAMError.self) { try ElementConversion.floats(bytes, as: dtype) }
                #expect(throws: QAMError.self) { try ElementConversion.doubles(bytes, as: dtype) }
            }
        }
        let known = Set(DType.ggml.map { Int($0.id) - 64 })
        for id in 0..<100 where !known.contains(id) {
            #expect(unsafe gb_type_of(gb_functions_for(qam_features_allowed()), UInt32(id)).elements == 0)
        }
    }

    // MARK: - Encoding Q8_0

    /// The golden file, which ggml's reference quantizer made from the F32 file.
    @Test func goldenQ8() throws {
        let types = try Self.types()
        let source = try Self.golden("F32", #require(types["F32"]), as: .f32).values
        let expected = try Self.golden("Q8_0", #require(types["Q8_0"]), as: .q8_0).bytes
        #expect(try ElementConversion.bytes(source, as: .q8_0) == expected)
        #expect(try ElementConversion.bytes(source.map { Double($0) }, as: .q8_0) == expected)
        for set in InstructionSet.present { #expect(set.encode(source) == expected, "\(set.testDescription)") }
    }

    /// Even values, ties, all exponents, and scales beyond both ends of float16; the hash is that of ggml's blocks.
    @Test(arguments: InstructionSet.present)
    func trickyQ8(_ set: InstructionSet) {
        var random = CodecRandom(seed: 8)
        let values: [Float] = (0..<2048 * 32).map { index in
            let word = random.next(), block = index / 32
            let even = Float(Int32(truncatingIfNeeded: word >> 32))
            switch block % 4 {
            case 0: return even * 0x1p-31
            case 1: return index % 32 == 0 ? 127 : Float(Int(word >> 40 & 255) - 127) * 0.5
            case 2: return Float(bitPattern: UInt32(word >> 32) & 0xBFFF_FFFF)
            default: return even * (block & 4 == 0 ? 0x1p69 : 0x1p-141)
            }
        }
        let bytes = set.encode(values)
        #expect(hash(bytes.map { UInt32($0) }) == 0xF6A5_C8CD_1135_852B)
        for blocks in 0...9 {
            #expect(set.encode(Array(values.prefix(blocks * 32))) == Array(bytes.prefix(blocks * 34)))
        }
    }

    /// The error of a code is at most half a step, that of the scale half a unit of float16.
    @Test func errorOfQ8() throws {
        var random = CodecRandom(seed: 80)
        let values = random.gaussian(32 * 1000)
        let again = try ElementConversion.floats(ElementConversion.bytes(values, as: .q8_0), as: .q8_0)
        for first in stride(from: 0, to: values.count, by: 32) {
            let largest = values[first..<first + 32].map(\.magnitude).max() ?? 0
            for i in first..<first + 32 {
                #expect((values[i] - again[i]).magnitude <= largest * (0.5 / 127 + 0x1p-11) * 1.0001)
            }
        }
    }

    @Test(arguments: InstructionSet.present)
    func numbersThatAreNotFinite(_ set: InstructionSet) throws {
        for place in [0, 13, 31] {
            var values = (0..<96).map { Float($0) - 47 }
            let finite = set.encode(values)
            for (special, scale) in [(Float.nan, UInt16(0x7E00)), (-.nan, 0x7E00), (.infinity, 0x7C00), (-.infinity, 0x7C00)] {
                values[32 + place] = special
                let bytes = set.encode(values)
                #expect(Array(bytes[34..<68]) == [UInt8(scale & 255), UInt8(scale >> 8)] + [UInt8](repeating: 0, count: 32))
                #expect(bytes.prefix(34) == finite.prefix(34) && bytes.suffix(34) == finite.suffix(34))
                #expect(try ElementConversion.floats(bytes, as: .q8_0)[32..<64].allSatisfy(\.isNaN))
            }
        }
        for value: Float in [0, -0.0, 0x1p-149, -0x1p-130] {
            #expect(set.encode([Float](repeating: value, count: 32)) == [UInt8](repeating: 0, count: 34))
        }
        #expect(throws: QAMError.self) { try ElementConversion.bytes([Float](repeating: 0, count: 33), as: .q8_0) }
        #expect(throws: QAMError.self) { try ElementConversion.bytes([Double](repeating: 0, count: 31), as: .q8_0) }
        #expect(try ElementConversion.bytes([Float](), as: .q8_0).isEmpty)
    }
}
