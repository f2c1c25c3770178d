internal import CQAMKernels.Feedback
internal import CQAMKernels.Polar
internal import QAMFormat

/// The C kernels that search polar codewords, and their tables: immutable, built once per codebook and shared by all tensors coded with it.
@safe final class PolarSearch: @unchecked Sendable {
    private let code: Code
    private let amplitudes: UnsafeMutableBufferPointer<Float>
    private let directions: UnsafeMutableBufferPointer<Float>
    private let tables: UnsafeMutablePointer<pk_search>

    /// - Throws: `QAMError.unsupported` for a codebook whose nearest codewords cannot be found by direction and projection.
    init(_ codebook: PolarCodebook) throws {
        code = codebook.code
        unsafe amplitudes = .allocate(capacity: codebook.amplitudes.count)
        unsafe directions = .allocate(capacity: codebook.directions.count)
        unsafe tables = .allocate(capacity: 1)
        _ = unsafe amplitudes.initialize(from: codebook.amplitudes)
        _ = unsafe directions.initialize(from: codebook.directions)
        unsafe tables.initialize(to: pk_search())
        var polar = unsafe pk_codebook(
            rate: UInt32(code.rate), amplitude_count: UInt32(amplitudes.count), phase_count: UInt32(directions.count / 2),
            amplitudes: UnsafePointer(amplitudes.baseAddress), directions: UnsafePointer(directions.baseAddress))
        guard unsafe pk_make_search(&polar, tables) else {
            throw QAMError(.unsupported, "cannot code with a polar codebook whose amplitudes or directions lie too unevenly")
        }
    }

    deinit {
        unsafe amplitudes.deallocate()
        unsafe directions.deallocate()
        unsafe tables.deallocate()
    }

    /// The symbols of the codewords nearest to a row.
    func encode(_ z: [Float], into symbols: inout [UInt8], at place: Range<Int>, _ kernels: Kernels) {
        precondition(z.count % 2 == 0 && place.count == code.groupBytes(columns: z.count))
        let functions = unsafe pk_functions_for(kernels.features).pointee
        unsafe Kernels.withPart(&symbols, place) { unsafe functions.encode(z, z.count, tables, $0) }
    }

    /// Encodes a group of a row.
    func code(_ group: FeedbackGroup, _ kernels: FeedbackKernels) {
        precondition(unsafe group.part.columns % 2 == 0)
        unsafe withUnsafePointer(to: group.part) { unsafe kernels.table.code_polar($0, tables) }
    }
}
