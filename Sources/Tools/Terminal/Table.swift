internal import QAMFormat

/// Text in columns.
struct Table {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]]
    private let hasHeader: Bool

    /// A table with a heading line, unless all headings are empty.
    init(_ columns: [(heading: String, alignment: Alignment)]) {
        alignments = columns.map(\.alignment)
        hasHeader = columns.contains { !$0.heading.isEmpty }
        rows = hasHeader ? [columns.map(\.heading)] : []
    }

    /// A table of two columns without headings: names and values.
    static var pairs: Table { Table([("", .left), ("", .left)]) }

    var isEmpty: Bool { rows.count == (hasHeader ? 1 : 0) }

    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) { rows.append(cells.map(Format.printable)) }

    /// The lines, indented by two spaces, without trailing blanks.
    var lines: [String] {
        let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                line += "  " + (alignments[column] == .left ? cell + blanks : blanks + cell)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
