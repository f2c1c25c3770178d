/// Ordered, typed key-value pairs of a model. Keys are unique.
public struct Metadata: Hashable, Sendable {
    /// A key and its value.
    public struct Entry: Hashable, Sendable {
        /// The key, unique in the metadata.
        public var key: String
        /// The typed value.
        public var value: MetadataValue

        public init(key: String, value: MetadataValue) {
            self.key = key
            self.value = value
        }
    }

    /// An entry of an unknown type: kept unchanged in .qamw files, and dropped elsewhere.
    public struct UnreadableEntry: Hashable, Sendable {
        /// The key.
        public var key: String
        /// The type number in .qamw files.
        public var type: UInt32
        /// The bytes of the value.
        public var value: [UInt8]
    }

    /// The entries in file order.
    public private(set) var entries: [Entry] = []
    /// Entries of a later version of the format.
    public private(set) var unreadable: [UnreadableEntry] = []
    private var index: [ExactName: Int] = [:]

    /// No entries.
    public init() {}

    /// O(1).
    public subscript(key: String) -> MetadataValue? { index[ExactName(key)].map { entries[$0].value } }

    /// The position of the key in `entries`, or nil. O(1).
    public func index(of key: String) -> Int? { index[ExactName(key)] }

    /// Replaces the key's value in place, or appends the key. O(1).
    public mutating func set(_ key: String, _ value: MetadataValue) {
        if let position = index[ExactName(key)] {
            entries[position].value = value
        } else {
            unreadable.removeAll { ExactName($0.key) == ExactName(key) }
            index[ExactName(key)] = entries.count
            entries.append(Entry(key: key, value: value))
        }
    }

    /// Adds entries, of which the first value of a key is kept, and returns the keys with other values, sorted.
    package mutating func merge(_ entries: some Sequence<Entry>) -> [String] {
        var conflicts: Set<String> = []
        for entry in entries {
            if let first = self[entry.key] {
                if first != entry.value { conflicts.insert(entry.key) }
            } else {
                set(entry.key, entry.value)
            }
        }
        return conflicts.sorted()
    }

    /// Keeps an entry that cannot be read.
    package mutating func keep(_ entry: UnreadableEntry) { unreadable.append(entry) }

    /// Removes the key; returns whether it existed. O(n).
    @discardableResult
    /// Removes the entry and says whether there was one. O(entries).
    public mutating func remove(_ key: String) -> Bool {
        guard let position = index[ExactName(key)] else {
            let count = unreadable.count
            unreadable.removeAll { ExactName($0.key) == ExactName(key) }
            return unreadable.count < count
        }
        entries.remove(at: position)
        index = Dictionary(uniqueKeysWithValues: entries.enumerated().map { (ExactName($1.key), $0) })
        return true
    }
}

/// A metadata value. The cases are GGUF's types, which cover those of all formats.
public enum MetadataValue: Hashable, Sendable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case float32(Float)
    case bool(Bool)
    case string(String)
    case uint64(UInt64)
    case int64(Int64)
    case float64(Double)
    case array(MetadataArray)
}

/// An array of metadata values of one type. Arrays do not nest.
public enum MetadataArray: Hashable, Sendable {
    case uint8([UInt8])
    case int8([Int8])
    case uint16([UInt16])
    case int16([Int16])
    case uint32([UInt32])
    case int32([Int32])
    case float32([Float])
    case bool([Bool])
    case string([String])
    case uint64([UInt64])
    case int64([Int64])
    case float64([Double])
}
