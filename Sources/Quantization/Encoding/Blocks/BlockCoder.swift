internal import CQAMKernels.Blocks
package import QAMFormat

/// Encodes ggml's block types. Scales and minima are chosen when their columns are reached, so that they suit targets that are adjusted for earlier errors.
package struct BlockCoder: FeedbackCoder {
    package let dtype: DType
    private let id: UInt32

    /// Nil for types that have no such coder.
    package init?(_ dtype: DType) {
        guard let id = dtype.ggmlBlockID, unsafe Self.type(id, .chosen).code != nil else { return nil }
        self.dtype = dtype
        self.id = id
    }

    package static var unitColumns: Int { 1 }
    package var groupRows: Int { 1 }
    package var groupCount: Int { max(1, dtype.blockElements / FeedbackKernels.groupColumns) }
    package func symbolBytes(columns: Int) -> Int { columns / dtype.blockElements * dtype.blockBytes }

    package func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float]) {
        guard let code = unsafe Self.type(id, kernels).code else { return }
        precondition(group.symbolBytes == symbolBytes(columns: group.columns) && group.columns % dtype.blockElements == 0)
        unsafe group.withParts { unsafe code($0) }
    }

    private static func type(_ id: UInt32, _ kernels: FeedbackKernels) -> gb_type {
        unsafe gb_type_of(gb_functions_for(kernels.features), id)
    }
}
