"""clickhouse-driver's client, which also sends columns that numpy holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clickhouse_driver import Client, defines
from clickhouse_driver.block import ColumnOrientedBlock
from clickhouse_driver.protocol import ClientPacketTypes
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str

from schemas.columnar import Column
from sinks.clickhouse import native


class BlockClient(Client):  # type: ignore[misc]
    """A client whose `execute(..., columnar=True)` sends columns as one block where numpy holds one of them."""

    def send_data(
        self, sample_block: Any, data: Sequence[Sequence[Any]], types_check: bool = False, columnar: bool = False
    ) -> int:
        """Send what is inserted, in the types of the table; returns the number of rows."""
        if not columnar or not any(isinstance(column, Column) for column in data):
            sent: int = super().send_data(sample_block, data, types_check=types_check, columnar=columnar)
            return sent
        connection = self.connection
        write_varint(ClientPacketTypes.DATA, connection.fout)
        if connection.server_info.used_revision >= defines.DBMS_MIN_REVISION_WITH_TEMPORARY_TABLES:
            write_binary_str("", connection.fout)
        native.write(connection.block_out, sample_block.columns_with_types, data)
        self.receive_profile_events()
        # An empty block is the end of the data.
        connection.send_data(ColumnOrientedBlock())
        self.receive_profile_events()
        return len(data[0])
