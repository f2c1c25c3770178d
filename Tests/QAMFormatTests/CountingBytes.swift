import QAMFormat
import Synchronization

/// Records the ranges that are read.
final class CountingBytes: ByteSource {
    private let base: any ByteSource
    private let log = Mutex<[Range<Int>]>([])

    init(_ base: any ByteSource) { self.base = base }

    var name: String { base.name }
    var byteCount: Int { base.byteCount }
    var ranges: [Range<Int>] { log.withLock { $0 } }

    func read(_ range: Range<Int>) throws -> [UInt8] {
        log.withLock { $0.append(range) }
        return try base.read(range)
    }
}
