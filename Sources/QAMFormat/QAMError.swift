/// The library's error type: what went wrong, where, and what to do about it.
///
/// A new cause is a new `Code`, so the type can grow without breaking a caller's `switch`.
public struct QAMError: Error, Hashable, Sendable {
    /// The class of the cause. Open: compare with `==`, and keep a `default` branch.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The code as it appears in JSON.
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The operating system failed to read or write.
        public static let io = Code(rawValue: "io")
        /// The data violate the rules of their format.
        public static let malformed = Code(rawValue: "malformed")
        /// A checksum does not match the bytes that it covers.
        public static let checksumMismatch = Code(rawValue: "checksumMismatch")
        /// The data end too early.
        public static let truncated = Code(rawValue: "truncated")
        /// The data are well-formed, but require a feature that this version does not have.
        public static let unsupported = Code(rawValue: "unsupported")
        /// A size or count exceeds the reader's limits.
        public static let limitExceeded = Code(rawValue: "limitExceeded")
        /// There is no such input.
        public static let notFound = Code(rawValue: "notFound")
        /// The output cannot be created: it exists or is the input, or space or its folder is missing.
        public static let cannotCreate = Code(rawValue: "cannotCreate")
        /// The caller passed an invalid argument.
        public static let invalidArgument = Code(rawValue: "invalidArgument")
        /// The user or the system asked to stop.
        public static let interrupted = Code(rawValue: "interrupted")
    }

    /// The location of the error. Every part is optional; `description` prints those that are known.
    public struct Place: Hashable, Sendable {
        /// The file's path as the caller gave it.
        public var file: String?
        /// The section of a container, or the header field.
        public var section: String?
        /// The tensor's name.
        public var tensor: String?
        /// The byte offset in the file.
        public var offset: Int?
        /// The number of affected bytes, from `offset`.
        public var length: Int?
        /// The rows of the tensor that the bytes belong to.
        public var rows: Range<Int>?

        public init(
            file: String? = nil, section: String? = nil, tensor: String? = nil, offset: Int? = nil, length: Int? = nil, rows: Range<Int>? = nil
        ) {
            self.file = file
            self.section = section
            self.tensor = tensor
            self.offset = offset
            self.length = length
            self.rows = rows
        }
    }

    /// The kind of the error.
    public var code: Code
    /// One sentence without a final full stop, including advice if there is any.
    public var message: String
    /// Where it was found.
    public var place: Place

    /// An error with a message of one sentence.
    public init(_ code: Code, _ message: String, at place: Place = Place()) {
        self.code = code
        self.message = message
        self.place = place
    }

    /// The same error with the file's path set, unless it has one.
    public func inFile(_ path: String) -> QAMError {
        var copy = self
        copy.place.file = copy.place.file ?? path
        return copy
    }
}

extension QAMError.Place: CustomStringConvertible {
    /// `section symbols, tensor "a.weight", offset 4096` without the file.
    public var description: String {
        var parts: [String] = []
        if let section { parts.append("section \(section)") }
        if let tensor { parts.append("tensor \"\(tensor)\"") }
        if let offset { parts.append("offset \(offset)") }
        return parts.joined(separator: ", ")
    }
}

extension QAMError: CustomStringConvertible {
    /// `FILE: PLACE: CAUSE`
    public var description: String {
        [place.file, place.description.isEmpty ? nil : place.description, message].compactMap(\.self).joined(separator: ": ")
    }
}
