<?php

declare(strict_types=1);

namespace Fantail\Drc;

/**
 * Messages that came while something else was waited for. They are kept as they came, which takes
 * least memory; beyond the limit the oldest are forgotten, and counted.
 *
 * @internal
 */
final class Inbox
{
    /** In bytes of all messages together. */
    private const LIMIT = 16_777_216;

    /** @var \SplQueue<string> */
    private \SplQueue $messages;
    private int $bytes = 0;
    private int $forgotten = 0;

    public function __construct()
    {
        $this->messages = new \SplQueue();
    }

    public function keep(string $message): void
    {
        $this->messages->enqueue($message);
        $this->bytes += strlen($message);
        while ($this->bytes > self::LIMIT) {
            $this->take();
            ++$this->forgotten;
        }
    }

    public function take(): ?string
    {
        if ($this->messages->isEmpty()) {
            return null;
        }
        $message = $this->messages->dequeue();
        $this->bytes -= strlen($message);
        return $message;
    }

    public function isEmpty(): bool
    {
        return $this->messages->isEmpty();
    }

    /** How many messages have been forgotten. */
    public function forgotten(): int
    {
        return $this->forgotten;
    }
}
