import QAMFormat
import Synchronization

/// Panels of weights that are stored by columns: what consecutive plain rows need of every stored row, in the order in which rows use it.
///
/// A read of a few plain rows takes a few bytes of each stored row. A panel is read once for all reads that fall into it; the last ones are kept.
final class PanelCache: Sendable {
    /// The stored bytes of a panel: the more at once, the longer the pieces of stored rows.
    private static let panelBytes = 1 << 24
    /// Threads work on neighbouring pieces, which lie in at most two panels.
    private static let keptPanels = 2

    private struct Entry: Sendable {
        var tensor: Int
        var columns: Range<Int>
        var panel: any Sendable
    }

    private let entries = Mutex<[Entry]>([])

    /// The panel of columns that contains `column` of a stored matrix of `width` columns, made by `make` unless it is there.
    ///
    /// - Parameters:
    ///   - columnBytes: the bytes of a stored column.
    ///   - unit: panels start at multiples of this many columns.
    func panel<Panel: Sendable>(
        at column: Int, of tensor: StoredTensor, width: Int, columnBytes: Int, unit: Int, _ make: (Range<Int>) throws -> Panel
    ) throws -> (columns: Range<Int>, panel: Panel) {
        let step = max(1, Self.panelBytes / max(1, columnBytes) / unit) * unit
        let start = column / step * step, columns = start..<min(start + step, width)
        // The lock is held while the panel is read: other threads mostly wait for the same one.
        return try entries.withLock { entries in
            if let place = entries.firstIndex(where: { $0.tensor == tensor.index && $0.columns == columns }), let panel = entries[place].panel as? Panel {
                return (columns, panel)
            }
            if entries.count >= Self.keptPanels { entries.removeFirst(entries.count - Self.keptPanels + 1) }
            let panel = try make(columns)
            entries.append(Entry(tensor: tensor.index, columns: columns, panel: panel))
            return (columns, panel)
        }
    }
}
