internal import QAMFormat

/// Reads a pickle of protocol 2 to 5 that holds plain tensors, without running anything: it knows the operations and the globals of state
/// dicts, and refuses all others by name.
///
/// Time is linear in the pickle. Values live on a heap of numbered containers, so neither nesting nor repetition makes copies; their number
/// is limited.
struct PickleMachine {
    /// The limit for values in containers and tensors together. A tensor takes about 40.
    private static let maximumStored = 1 << 23
    /// The limit for values on the stack, and for those in the memo.
    private static let maximumHeld = 1 << 22
    static let section = "data.pkl"

    /// The elements of tuples, lists and dictionaries, by number.
    private(set) var heap: [[PickleValue]] = []
    var storages: [TorchStorage] = []
    var tensors: [TorchTensor] = []

    private var reader: ByteReader
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [UInt32: PickleValue] = [:]
    private var storedValues = 0
    /// Where the current operation begins.
    private var operation = 0
    private let base: Int

    /// `base` is the offset of the pickle in its file, for error messages.
    private init(_ pickle: [UInt8], base: Int) {
        reader = ByteReader(pickle, section: Self.section, base: base)
        self.base = base
    }

    /// Reads the whole pickle and returns its value with the machine's heap and tensors. Throws `malformed`, `unsupported` or `limitExceeded`.
    static func run(_ pickle: [UInt8], base: Int) throws -> (value: PickleValue, machine: PickleMachine) {
        var machine = PickleMachine(pickle, base: base)
        guard pickle.count >= 2, pickle[0] == 0x80 else { throw machine.fault("this is not a pickle of protocol 2 or later") }
        while try machine.step() {}
        guard machine.reader.remaining == 0 else { throw machine.fault("\(machine.reader.remaining) bytes follow the end of the pickle") }
        return (try machine.pop(), machine)
    }

    // MARK: Operations

    /// Runs one operation. False at the end of the pickle.
    private mutating func step() throws -> Bool {
        operation = reader.position
        let code = try byte()
        switch code {
        case 0x80: try checkProtocol(try byte())
        case 0x95: try checkFrame()
        case UInt8(ascii: "."): return false
        case UInt8(ascii: "("):
            try requireRoom(marks.count, Self.maximumHeld)
            marks.append(stack.count)
        case UInt8(ascii: "0"): try discard()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "2"): try push(try top())
        case UInt8(ascii: "N"): try push(.none)
        case 0x88: try push(.bool(true))
        case 0x89: try push(.bool(false))
        case UInt8(ascii: "J"): try push(.integer(Int(Int32(truncatingIfNeeded: try reader.integer(UInt32.self)))))
        case UInt8(ascii: "K"): try push(.integer(Int(try byte())))
        case UInt8(ascii: "M"): try push(.integer(Int(try reader.integer(UInt16.self))))
        case 0x8A: try pushInteger(Int(try byte()))
        case 0x8B: try pushInteger(Int(try reader.integer(UInt32.self)))
        case UInt8(ascii: "G"): try pushOther(8, "a float")
        case UInt8(ascii: "X"), UInt8(ascii: "T"): try push(.text(try reader.string(Int(try reader.integer(UInt32.self)), allowingNUL: true)))
        case 0x8C, UInt8(ascii: "U"): try push(.text(try reader.string(Int(try byte()), allowingNUL: true)))
        case 0x8D: try push(.text(try reader.string(try reader.count(), allowingNUL: true)))
        case UInt8(ascii: "C"): try pushOther(Int(try byte()), "bytes")
        case UInt8(ascii: "B"): try pushOther(Int(try reader.integer(UInt32.self)), "bytes")
        case 0x8E, 0x96: try pushOther(try reader.count(), "bytes")
        case UInt8(ascii: ")"): try pushContainer([], PickleValue.tuple)
        case UInt8(ascii: "t"): try pushContainer(try popToMark(), PickleValue.tuple)
        case 0x85, 0x86, 0x87: try pushContainer(try pop(count: Int(code) - 0x84), PickleValue.tuple)
        case UInt8(ascii: "]"): try pushContainer([], PickleValue.list)
        case UInt8(ascii: "l"): try pushContainer(try popToMark(), PickleValue.list)
        case UInt8(ascii: "}"): try pushContainer([], PickleValue.dictionary)
        case UInt8(ascii: "d"): try pushContainer(try pairs(try popToMark()), PickleValue.dictionary)
        case UInt8(ascii: "a"): try append([try pop()])
        case UInt8(ascii: "e"): try append(try popToMark())
        case UInt8(ascii: "s"): try setItems(try pop(count: 2))
        case UInt8(ascii: "u"): try setItems(try pairs(try popToMark()))
        case 0x8F: try push(.other("a set"))
        case 0x90: try addToSet(try popToMark())
        case 0x91:
            _ = try popToMark()
            try push(.other("a set"))
        case UInt8(ascii: "q"): try remember(UInt32(try byte()))
        case UInt8(ascii: "r"): try remember(try reader.integer())
        case 0x94: try remember(UInt32(memo.count))
        case UInt8(ascii: "h"): try recall(UInt32(try byte()))
        case UInt8(ascii: "j"): try recall(try reader.integer())
        case UInt8(ascii: "c"): try pushGlobal(module: try line(), name: try line())
        case 0x93:
            guard case .text(let name) = try pop(), case .text(let module) = try pop() else { throw fault("a global's name is not a string") }
            try pushGlobal(module: module, name: name)
        case UInt8(ascii: "Q"): try push(try storage(try pop()))
        case UInt8(ascii: "R"), 0x81: try reduce()
        case UInt8(ascii: "b"): try build()
        default: throw unsupported("the pickle has the operation \(Self.names[code] ?? "0x" + String(code, radix: 16)), which no plain state dict needs")
        }
        return true
    }

    /// Operations of other pickles, by name.
    private static let names: [UInt8: String] = [
        UInt8(ascii: "P"): "PERSID", UInt8(ascii: "i"): "INST", UInt8(ascii: "o"): "OBJ", 0x92: "NEWOBJ_EX", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4",
        0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER", UInt8(ascii: "I"): "INT", UInt8(ascii: "L"): "LONG", UInt8(ascii: "F"): "FLOAT",
        UInt8(ascii: "S"): "STRING", UInt8(ascii: "V"): "UNICODE", UInt8(ascii: "p"): "PUT", UInt8(ascii: "g"): "GET",
    ]

    private func checkProtocol(_ version: UInt8) throws {
        guard (2...5).contains(version) else { throw unsupported("the pickle has protocol \(version); 2 to 5 are known") }
    }

    private mutating func checkFrame() throws {
        let length = try reader.count()
        guard length <= reader.remaining else { throw fault("a frame of \(length) bytes is longer than the pickle") }
    }

    private mutating func pushOther(_ count: Int, _ kind: String) throws {
        try reader.skip(count)
        try push(.other(kind))
    }

    /// A two's complement integer of any length, the lowest byte first.
    private mutating func pushInteger(_ count: Int) throws {
        let bytes = try reader.take(count)
        guard count <= 8 else { return try push(.other("an integer of more than 64 bits")) }
        let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let unused = UInt64(64 - 8 * count)
        try push(.integer(count == 0 ? 0 : Int(Int64(bitPattern: bits << unused) >> Int64(unused))))
    }

    /// The next byte, without the generic reading of integers: most operations are one or two bytes.
    private mutating func byte() throws -> UInt8 {
        let position = reader.position
        try reader.skip(1)
        return reader.bytes[position]
    }

    private mutating func line() throws -> String {
        let start = reader.position
        let length = reader.bytes[start...].prefix(1 << 10).firstIndex(of: 0x0A).map { $0 - start }
        guard let length else { throw fault("a global's name does not end") }
        let text = try reader.string(length)
        try reader.skip(1)
        return text
    }

    private mutating func pushGlobal(module: String, name: String) throws {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw unsupported(
                "the file would run \(Self.shortened(module)).\(Self.shortened(name)): not a plain state dict, and nothing of it is run here; "
                    + "if you trust the file, save only its tensors with torch.save(model.state_dict(), ...), or as safetensors")
        }
        try push(.global(global))
    }

    private static func shortened(_ name: String) -> String { name.utf8.count > 200 ? name.prefix(200) + "..." : name }

    private mutating func remember(_ number: UInt32) throws {
        if memo.updateValue(try top(), forKey: number) == nil { try requireRoom(memo.count, Self.maximumHeld) }
    }

    private mutating func recall(_ number: UInt32) throws {
        guard let value = memo[number] else { throw fault("the memo has no value \(number)") }
        try push(value)
    }

    // MARK: Containers

    private mutating func append(_ values: [PickleValue]) throws {
        guard case .list(let number) = try top() else { throw fault("values are appended to \(try top().kind)") }
        try store(values, in: number)
    }

    private mutating func setItems(_ items: [PickleValue]) throws {
        guard case .dictionary(let number) = try top() else { throw fault("items are set in \(try top().kind)") }
        try store(items, in: number)
    }

    private func addToSet(_ values: [PickleValue]) throws {
        guard case .other("a set") = try top() else { throw fault("values are added to \(try top().kind)") }
    }

    private mutating func store(_ values: [PickleValue], in number: Int) throws {
        try count(values.count)
        heap[number] += values
    }

    mutating func pushContainer(_ values: [PickleValue], _ make: (Int) -> PickleValue) throws {
        try count(values.count + 1)
        heap.append(values)
        try push(make(heap.count - 1))
    }

    private func pairs(_ values: [PickleValue]) throws -> [PickleValue] {
        guard values.count % 2 == 0 else { throw fault("a key has no value") }
        return values
    }

    // MARK: Stack

    mutating func push(_ value: PickleValue) throws {
        try requireRoom(stack.count, Self.maximumHeld)
        stack.append(value)
    }

    func top() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.last else { throw fault("the stack is empty") }
        return value
    }

    mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func pop(count: Int) throws -> [PickleValue] {
        guard stack.count - count >= marks.last ?? 0 else { throw fault("the stack is empty") }
        let values = Array(stack.suffix(count))
        stack.removeLast(count)
        return values
    }

    /// As Python does, takes a mark where no value is above it.
    private mutating func discard() throws {
        if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw fault("there is no mark on the stack") }
        let values = Array(stack[mark...])
        stack.removeLast(stack.count - mark)
        return values
    }

    /// Counts values that are kept.
    mutating func count(_ values: Int) throws {
        storedValues += values
        try requireRoom(storedValues, Self.maximumStored)
    }

    private func requireRoom(_ count: Int, _ limit: Int) throws {
        guard count < limit else { throw QAMError(.limitExceeded, "the pickle holds more than \(limit) values", at: place) }
    }

    private var place: QAMError.Place { .init(section: Self.section, offset: base + operation) }
    func fault(_ message: String) -> QAMError { QAMError(.malformed, message, at: place) }
    func unsupported(_ message: String) -> QAMError { QAMError(.unsupported, message, at: place) }
}
