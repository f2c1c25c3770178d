internal import QAMFormat

/// The arrangement of tensors in a file: checks that they lie in the file without overlap, and warns about unusual arrangements. ggml's
/// loaders expect each tensor at the padded end of the previous one, and padding after the last.
struct GGUFLayout {
    let dataStart: Int
    private(set) var warnings: [String] = []

    private let entries: [GGUFHeader.Entry]
    private let alignment: Int
    private let fileLength: Int
    /// The end of the last payload, from the start of the file.
    private var end = 0

    /// Throws `malformed` or `truncated`. O(n), or O(n log n) if the tensors are in another order.
    init(_ entries: [GGUFHeader.Entry], alignment: Int, headerEnd: Int, fileLength: Int) throws {
        self.entries = entries
        self.alignment = alignment
        self.fileLength = fileLength
        // Without tensors no alignment is needed.
        dataStart = entries.isEmpty ? headerEnd : alignUp(headerEnd, to: alignment)
        end = dataStart + (try checkPlaces())
        checkTail()
    }

    /// The offset of a GGUF file that follows this one in the same file; nil if none does.
    func joinedFile(in file: any ByteSource) throws -> Int? {
        let magic = GGUFHeader.magic
        return try [end, alignUp(end, to: alignment)].first {
            try $0 <= fileLength - magic.count && file.read($0..<$0 + magic.count) == magic
        }
    }

    private static func bytes(_ count: Int) -> String { count == 1 ? "1 byte" : "\(count) bytes" }

    private static func fault(_ code: QAMError.Code, _ message: String, _ entry: GGUFHeader.Entry) -> QAMError {
        QAMError(code, message, at: .init(section: "tensors", tensor: entry.name))
    }

    /// Returns the end of the last payload, relative to the start of the data.
    private mutating func checkPlaces() throws -> Int {
        var expected = 0
        var firstStray: GGUFHeader.Entry?
        var end = 0
        for entry in entries {
            guard entry.offset % alignment == 0 else {
                throw Self.fault(.malformed, "its offset \(entry.offset) is not a multiple of the alignment \(alignment)", entry)
            }
            // Both are at most the file's length, so the sum cannot overflow.
            guard entry.byteCount <= fileLength, entry.offset <= fileLength, dataStart <= fileLength,
                dataStart + entry.offset + entry.byteCount <= fileLength
            else {
                throw Self.fault(
                    .truncated,
                    "its \(entry.byteCount) bytes at offset \(entry.offset) of the data do not lie in the file, whose data begin at "
                        + "\(dataStart) and which ends at \(fileLength)", entry)
            }
            if entry.offset != expected, firstStray == nil { firstStray = entry }
            end = max(end, entry.offset + entry.byteCount)
            expected = alignUp(end, to: alignment)
        }
        if let firstStray {
            try checkOverlaps()
            warnings.append(
                "tensor \"\(firstStray.name)\" does not begin where the one before it ends, so llama.cpp does not load this file; "
                    + "converting it to GGUF mends that")
        }
        return end
    }

    private func checkOverlaps() throws {
        var end = 0
        for entry in entries.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
            guard entry.offset >= end || entry.byteCount == 0 else { throw Self.fault(.malformed, "its data overlap those of another tensor", entry) }
            end = max(end, entry.offset + entry.byteCount)
        }
    }

    private mutating func checkTail() {
        let needed = dataStart + alignUp(end - dataStart, to: alignment)
        if fileLength < needed {
            warnings.append("the padding of the last tensor, which some loaders want to read, ends \(Self.bytes(needed - fileLength)) too early")
        }
        // Some writers pad the file to the default alignment, whatever its own.
        let most = alignUp(end, to: max(alignment, GGUFHeader.defaultAlignment))
        if fileLength > most {
            warnings.append("behind the last tensor there \(fileLength - most == 1 ? "is" : "are") \(Self.bytes(fileLength - most)) of something else")
        }
    }
}
