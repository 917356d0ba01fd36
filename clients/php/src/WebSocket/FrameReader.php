<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * Bytes from a server -> frames: RFC 6455 section 5.2. What a frame merely announces takes no
 * memory.
 *
 * @internal
 */
final class FrameReader
{
    private string $bytes = '';
    private int $position = 0;

    public function __construct(private readonly Options $options)
    {
    }

    /** Takes what has been received. */
    public function append(string $bytes): void
    {
        if ($this->position > 0) {
            $this->bytes = substr($this->bytes, $this->position);
            $this->position = 0;
        }
        $this->bytes .= $bytes;
    }

    /** The next frame, if all of it is there. */
    public function next(): ?Frame
    {
        $there = strlen($this->bytes) - $this->position;
        if ($there < 2) {
            return null;
        }
        ['first' => $first, 'second' => $second] =
            unpack('Cfirst/Csecond', $this->bytes, $this->position);
        $opcode = $this->opcode($first, $second);
        $start = match ($second) {
            126 => 4,
            127 => 10,
            default => 2,
        };
        if ($there < $start) {
            return null;
        }
        $length = match ($second) {
            126 => unpack('n', $this->bytes, $this->position + 2)[1],
            127 => unpack('J', $this->bytes, $this->position + 2)[1],
            default => $second,
        };
        if ($length < 0 || $length > $this->options->maxFrame) {
            throw new ProtocolException(
                "The server sent a frame of more than {$this->options->maxFrame} bytes.",
                1009,
            );
        }
        if ($there < $start + $length) {
            return null;
        }
        $payload = substr($this->bytes, $this->position + $start, $length);
        $this->position += $start + $length;
        return new Frame($opcode, $payload, ($first & 0x80) !== 0);
    }

    private function opcode(int $first, int $second): Opcode
    {
        $opcode = Opcode::tryFrom($first & 0x0F);
        $fault = match (true) {
            ($first & 0x70) !== 0 => 'reserved bits',
            $opcode === null => 'an unknown opcode',
            ($second & 0x80) !== 0 => 'a mask',
            !$opcode->isControl() => null,
            $second > Frame::LONGEST_CONTROL => 'a control frame that is too long',
            ($first & 0x80) === 0 => 'a control frame in fragments',
            default => null,
        };
        if ($fault !== null) {
            throw new ProtocolException("The server sent $fault.");
        }
        return $opcode;
    }
}
