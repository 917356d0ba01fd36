<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/** Who is connected, and who may be soon. */
final class Info
{
    /**
     * @param list<Claim>           $claims
     * @param list<ConnectedClient> $connections
     */
    private function __construct(
        public readonly array $claims,
        public readonly array $connections,
    ) {
    }

    /** @internal */
    public static function of(Members $members): self
    {
        return new self(
            array_map(Claim::of(...), $members->list('claims')),
            array_map(ConnectedClient::of(...), $members->list('connections')),
        );
    }
}
