/// The one error type of the library: what went wrong, where, and what to do about it.
///
/// A new cause is a new `Code`, so that the type can grow without breaking a caller's `switch`.
public struct QAMError: Error, Hashable, Sendable {
    /// The cause's class. Open: compare with `==`, and keep a `default` branch.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The operating system failed to read or write.
        public static let io = Code(rawValue: "io")
        /// The data break the rules of their format.
        public static let malformed = Code(rawValue: "malformed")
        /// A checksum does not match the bytes that it covers.
        public static let checksumMismatch = Code(rawValue: "checksumMismatch")
        /// The data end before they should.
        public static let truncated = Code(rawValue: "truncated")
        /// The data are well-formed, but ask for what this version does not have.
        public static let unsupported = Code(rawValue: "unsupported")
        /// A size or count is beyond the reader's limits.
        public static let limitExceeded = Code(rawValue: "limitExceeded")
        /// There is no such input.
        public static let notFound = Code(rawValue: "notFound")
        /// The output cannot be created: it exists, is the input, lacks space or a folder.
        public static let cannotCreate = Code(rawValue: "cannotCreate")
        /// The caller asked for something that makes no sense.
        public static let invalidArgument = Code(rawValue: "invalidArgument")
        /// The user or the system asked to stop.
        public static let interrupted = Code(rawValue: "interrupted")
    }

    /// Where it went wrong. Every part is optional; `description` prints those that are known.
    public struct Place: Hashable, Sendable {
        /// The file's path as the caller gave it.
        public var file: String?
        /// The section of a container, or the header field.
        public var section: String?
        /// The tensor's name.
        public var tensor: String?
        /// The byte offset in the file.
        public var offset: Int?
        /// The number of bytes concerned, from `offset`.
        public var length: Int?

        public init(file: String? = nil, section: String? = nil, tensor: String? = nil, offset: Int? = nil, length: Int? = nil) {
            self.file = file
            self.section = section
            self.tensor = tensor
            self.offset = offset
            self.length = length
        }
    }

    public var code: Code
    /// One sentence without a final full stop; with what to do where there is something to do.
    public var message: String
    public var place: Place

    public init(_ code: Code, _ message: String, at place: Place = Place()) {
        self.code = code
        self.message = message
        self.place = place
    }

    /// The same error with the file's path filled in, unless it has one.
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
