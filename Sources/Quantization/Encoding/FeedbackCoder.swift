/// What the feedback engine codes with: chooses codes for a group of columns given their targets, and returns what they decode to.
package protocol FeedbackCoder: Sendable {
    /// The columns that are coded together, between which errors are not fed; divides the columns of a group of the feedback engine.
    static var unitColumns: Int { get }
    /// The rows that are coded together.
    var groupRows: Int { get }
    /// The consecutive groups of columns that are coded in one call: two where scales span them.
    var groupCount: Int { get }

    /// The bytes of the symbols of this many columns of rows that are coded together; columns that are not all of a row's are those of whole calls of `code`.
    func symbolBytes(columns: Int) -> Int

    /// Chooses the symbols of a group of columns, in any order that suits the code, and feeds each remaining error into the later columns of the group.
    func code(_ group: FeedbackGroup, kernels: FeedbackKernels, work: inout [Float])
}
