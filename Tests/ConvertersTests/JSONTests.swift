import Architectures
import Converters
import QAMFormat
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try parse(Array(text.utf8)) }
    private func parse(_ bytes: [UInt8]) throws -> JSONValue { try JSONValue(parsing: bytes, section: "test") }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1 2]", "1 2",
        "tru", "True", "nul", "nan", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "1e999", "--1",
        "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\n\"",
        "\"a\nb\"", "\"a\tb\"", "\u{FEFF}{}", "{}\u{0}", "\u{0}{}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "//\n{}", "[1]]", "{}x",
    ])
    func refuses(_ text: String) {
        #expect(throws: QAMError.self) { try parse(text) }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] {
            #expect(throws: QAMError.self) { try parse([0x22] + bytes + [0x22]) }
            #expect(throws: QAMError.self) { try parse([0x22, 0x5C, 0x6E] + bytes + [0x22]) }
            #expect(throws: QAMError.self) { try parse(bytes) }
        }
    }

    @Test func boundsNesting() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try parse(nested(JSONReader.depthLimit))
        #expect(throws: QAMError.self) { try parse(nested(JSONReader.depthLimit + 1)) }
        #expect(throws: QAMError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: QAMError.self) { try parse(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test func readsEveryEscape() throws {
        #expect(try parse(#""\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\uDE00""#) == .string("\"\\/\u{8}\u{C}\n\r\té€😀"))
    }

    @Test func readsNumbersExactly() throws {
        #expect(
            try parse(" [0, -0, 18446744073709551615, -9223372036854775808, 1.5, -0.0, 1e2, 5e-324]\r\n\t") == [
                .integer(0), .number(-0.0), JSONValue(UInt64.max), JSONValue(Int64.min), .number(1.5), .number(-0.0), .number(100),
                .number(.leastNonzeroMagnitude),
            ])
        var reader = JSONReader(Array("300 -1 1.0 1e2".utf8), section: "test")
        #expect(throws: QAMError.self) { try reader.integer(UInt8.self) }
        #expect(try reader.integer(UInt16.self) == 300)
        #expect(throws: QAMError.self) { try reader.count() }
        #expect(try reader.integer(Int.self) == -1)
        #expect(throws: QAMError.self) { try reader.count() }
        #expect(try reader.number(Double.self) == 1)
    }

    @Test func errorsCarryTheOffset() {
        #expect { try parse("{\"a\": x}") } throws: { ($0 as? QAMError)?.place.offset == 6 }
    }

    /// Common mistakes in JSON, reported by name and position.
    @Test(arguments: [
        ("\u{FEFF}{}", "byte order mark", "line 1, column 1"), ("{\"a\": 1,\n}", "comma stands before", "line 2, column 1"),
        ("[\"é\",  1,\n 2 , ]", "comma stands before", "line 2, column 6"), ("// made by hand\n{}", "no comments", "line 1, column 1"),
        ("{\"a\": 1, # one\n}", "no comments", "line 1, column 10"), ("{\"ä\": /* */ 1}", "no comments", "line 1, column 7"),
        ("{'a': 1}", "double quotes", "line 1, column 2"), ("[NaN]", "no NaN and no Infinity", "line 1, column 2"),
        ("[-Infinity]", "no NaN and no Infinity", "line 1, column 2"), ("[True]", "Python", "line 1, column 2"),
    ])
    func faultsAreNamed(text: String, words: String, place: String) {
        #expect { try parse(text) } throws: {
            guard let message = ($0 as? QAMError)?.message else { return false }
            return message.contains(words) && message.hasSuffix("(\(place))")
        }
    }

    @Test func utf16IsNamed() {
        for bytes: [UInt8] in [[0xFF, 0xFE, 0x7B, 0], [0xFE, 0xFF, 0, 0x7B], [0x7B, 0, 0x7D, 0], [0, 0x7B, 0, 0x7D]] {
            #expect { try parse(bytes) } throws: { ($0 as? QAMError)?.message.contains("UTF-16") == true }
        }
    }

    /// NaN and Infinity, in files that Python writes.
    @Test func numbersThatAreNotFiniteAreTakenWhereTheyMay() throws {
        let text = "{\"a\":[Infinity,-Infinity,NaN,-1.5]}"
        let value = try JSONValue(parsing: Array(text.utf8), section: "test", takingNonFinite: true)
        guard case .array(let numbers)? = value["a"], case .number(let last) = numbers[2] else { return #expect(Bool(false)) }
        #expect(numbers[0] == .number(.infinity) && numbers[1] == .number(-.infinity) && last.isNaN && numbers[3] == .number(-1.5))
        #expect(JSONWriter.text(value, keepingNonFinite: true) == text)
        #expect(JSONWriter.text(value) == "{\"a\":[null,null,null,-1.5]}")
        for bad in ["[Inf]", "[nan]", "[-NaN]", "[+Infinity]", "[Infinity1]", "{Infinity: 1}", "[INFINITY]"] {
            #expect(throws: QAMError.self, "\(bad)") { try JSONValue(parsing: Array(bad.utf8), section: "test", takingNonFinite: true) }
        }
        // These are also refused where a number is required.
        for type in ["f32", "f64", "u8"] { #expect(throws: QAMError.self) { try MetadataValue(typeName: type, text: "NaN") } }
    }

    /// 8 MB of numbers: looking through the text for each would not end.
    @Test(.timeLimit(.minutes(5))) func manyNumbersAreLinearWork() throws {
        let count = 1_600_000
        let value = try parse("[" + Array(repeating: "1.5", count: count).joined(separator: ",\n") + "]")
        guard case .array(let numbers) = value else { return #expect(Bool(false)) }
        #expect(numbers.count == count)
    }

    @Test func writesCompactAndPretty() {
        let value: JSONValue = ["a": [1, .number(0.1), .null, .bool(true)], "b": [:], "c": .array([]), "d\n\"\\\u{1}/é": ["x": "y"]]
        #expect(JSONWriter.text(value) == #"{"a":[1,0.1,null,true],"b":{},"c":[],"d\n\"\\\u0001/é":{"x":"y"}}"#)
        #expect(
            JSONWriter.text(value, pretty: true) == """
                {
                  "a": [
                    1,
                    0.1,
                    null,
                    true
                  ],
                  "b": {},
                  "c": [],
                  "d\\n\\"\\\\\\u0001/é": {
                    "x": "y"
                  }
                }
                """)
        #expect(JSONWriter.text(.number(.nan)) == "null")
        #expect(JSONWriter.text(.number(-.infinity)) == "null")
    }

    @Test func whatIsWrittenIsRead() throws {
        var random = SeededGenerator(state: 7)
        for _ in 0..<500 {
            let value = JSONValue.random(depth: 4, &random)
            #expect(try parse(JSONWriter.text(value)) == value)
            #expect(try parse(JSONWriter.text(value, pretty: true)) == value)
        }
    }

    @Test func damagedTextNeverTraps() throws {
        var random = SeededGenerator(state: 11)
        let text = Array(("[" + JSONWriter.text(JSONValue.random(depth: 5, &random)) + #",{"k":[1.5e3,"\ud83d\ude00"]}]"#).utf8)
        #expect(throws: Never.self) { try parse(text) }
        var taken = 0, refused = 0
        for _ in 0..<3000 {
            var damaged = text
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { damaged.removeLast(Int.random(in: 0...damaged.count, using: &random)) }
            do {
                _ = try parse(damaged)
                taken += 1
            } catch is QAMError {
                refused += 1
            }
        }
        // A changed letter within a string may be accepted, most other changes may not.
        #expect(taken > 0 && refused > 1500, "\(taken) taken, \(refused) refused")
    }

    @Test func metadataKeepTheirTypesAsText() throws {
        let values: [MetadataValue] = [
            .uint8(255), .int8(-128), .uint16(65535), .int16(-1), .uint32(.max), .int32(.min), .uint64(.max), .int64(.min), .bool(true), .bool(false),
            .float32(0.1), .float32(-0.0), .float32(.infinity), .float64(.leastNonzeroMagnitude), .float64(-.infinity), .string("a \"b\" \u{1}"), .string(""),
            .array(.uint8([1, 2])), .array(.int8([])), .array(.uint16([3])), .array(.int16([-3])), .array(.uint32([4])), .array(.int32([-4])),
            .array(.uint64([.max])), .array(.int64([.min])), .array(.float32([1, -.infinity, .leastNonzeroMagnitude])), .array(.float64([.pi])),
            .array(.bool([true, false])), .array(.string(["", "ü\n"])),
        ]
        for value in values { #expect(try MetadataValue(typeName: value.typeName, text: value.text) == value) }
        let nan = MetadataValue.float32(Float(bitPattern: 0x7FC0_1234))
        guard case .float32(let back) = try MetadataValue(typeName: "f32", text: nan.text) else { return #expect(Bool(false)) }
        #expect(back.bitPattern == 0x7FC0_1234)
        for (type, text) in [("u8", "256"), ("u8", "-1"), ("bool", "1"), ("f32", "1e99"), ("u32[]", "[1,]"), ("u33", "1"), ("i8", "1 2"), ("f64", "\"0x\"")] {
            #expect(throws: QAMError.self) { try MetadataValue(typeName: type, text: text) }
        }
    }
}

extension JSONValue {
    fileprivate static func random(depth: Int, _ random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: JSONValue(Int64.random(in: .min ... .max, using: &random))
        case 3: .number(Double(bitPattern: UInt64.random(in: 0..<0x7FF0_0000_0000_0000, using: &random)))
        case 4: .number(Double.random(in: -1...1, using: &random))
        case 5: .string(text(&random))
        case 6: .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in .random(depth: depth - 1, &random) })
        default:
            .object((0..<Int.random(in: 0..<5, using: &random)).map { Member("\($0)" + text(&random), .random(depth: depth - 1, &random)) })
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<12, using: &random) {
            let limit: UInt32 = Bool.random(using: &random) ? 0x80 : 0x11_0000
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) { text.unicodeScalars.append(scalar) }
        }
        return text
    }
}

struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
