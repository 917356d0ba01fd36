<?php

declare(strict_types=1);

namespace Fantail\Drc;

/** A client in a channel, as this one knows it. */
final class Member
{
    /**
     * @param int   $id        its number, which is the same in all channels
     * @param bool  $authority whether it is an authority
     * @param Mode  $mode      to whom it may send
     * @param mixed $extra     what the token said about it, or SET_EXTRA; false if nothing did
     */
    public function __construct(
        public readonly int $id,
        public readonly bool $authority,
        public readonly Mode $mode,
        public readonly mixed $extra,
    ) {
    }

    /**
     * @internal
     *
     * @param array<string, mixed> $info
     */
    public static function of(int $id, array $info): self
    {
        $mode = Mode::tryFrom((int) ($info['mode'] ?? 0)) ?? Mode::ReceiveOnly;
        return new self($id, ($info['auth'] ?? false) === true, $mode, $info['extra'] ?? false);
    }
}
